create index sessions_by_start on raw.sessions (account_id, started_at)
