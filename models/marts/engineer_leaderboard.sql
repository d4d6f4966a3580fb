{{ config(materialized='view') }}

{{ leaderboard(ref('engineer_summaries'), 'user_id') }}
