-- depends: 0004.quotas

-- Sessions are listed newest first, page by page. The completion of a session
-- changes no column of these indexes, so it still needs no new entries.
create index sessions_by_start
on raw.sessions (account_id, started_at desc, session_id desc)
where started_at is not null;

-- Comments are shown to others when enough people have rated a flow: who they
-- are is found without a look at all of a flow's sessions.
create index sessions_by_flow_and_user
on raw.sessions (account_id, flow_id, user_id)
where started_at is not null;
