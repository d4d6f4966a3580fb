{{ config(materialized='view') }}

{{ leaderboard(ref('flow_summaries'), 'flow_id') }}
