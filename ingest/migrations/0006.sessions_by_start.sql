-- depends: 0004.quotas

-- Sessions are listed newest first, page by page. No column of these indexes
-- changes when a session is completed: where its page has room, none of them
-- gets a new entry.
create index sessions_by_start
on raw.sessions (account_id, started_at desc, session_id desc)
where started_at is not null;

-- Comments are shown to others when enough people have rated a flow: who they
-- are is found without a look at all of a flow's sessions. So are the sessions
-- of a person or a flow that has few.
create index sessions_by_flow_and_user
on raw.sessions (account_id, flow_id, user_id)
where started_at is not null;
