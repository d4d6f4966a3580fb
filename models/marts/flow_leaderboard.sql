{{ config(materialized='view') }}

{{ leaderboard(ref('flow_rollups'), 'flow_id') }}
