{{ leaderboard('flow_id') }}
