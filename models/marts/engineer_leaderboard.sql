{{ leaderboard('user_id') }}
