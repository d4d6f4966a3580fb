create index if not exists ratings_by_day
on raw.session_ratings (account_id, occurred_at)
