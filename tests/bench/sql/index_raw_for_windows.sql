create index if not exists sessions_in_windows
on raw.sessions (account_id, started_at)
