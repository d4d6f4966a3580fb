{{ config(materialized='view') }}

{{ leaderboard(ref('engineer_rollups'), 'user_id') }}
