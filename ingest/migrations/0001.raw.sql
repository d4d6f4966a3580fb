-- The raw tables: what happened, one row per fact, and nothing computed.
--
-- account_id leads every key, so the same schema runs on one PostgreSQL and,
-- distributed by account_id, on Citus. There are no foreign keys between the
-- facts: events arrive in any order, and a fact waits in its table until what
-- it refers to is known.
--
-- event_id and occurred_at say which event a row (or half of a session) comes
-- from; of several, the greatest (occurred_at, event_id) stands. A single API
-- call makes up its event id.

create schema raw;

create table raw.accounts (
    account_id uuid primary key,
    name text not null,
    time_zone text not null,
    event_id uuid not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null
);

create table raw.users (
    account_id uuid not null,
    user_id uuid not null,
    name text not null,
    role text not null
    check (role in ('engineer', 'team_admin', 'super_admin')),
    event_id uuid not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    primary key (account_id, user_id)
);

create table raw.flows (
    account_id uuid not null,
    flow_id uuid not null,
    name text not null,
    event_id uuid not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    primary key (account_id, flow_id)
);

-- Every step that a flow ever had, as its latest naming left it. A step is in
-- the flow today when its event is the flow's event.
create table raw.flow_steps (
    account_id uuid not null,
    flow_id uuid not null,
    step_id text not null,
    title text not null,
    position integer not null,
    event_id uuid not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    primary key (account_id, flow_id, step_id)
);

-- The two halves of a session arrive apart and in either order: all columns of
-- a half are null until it is there.
create table raw.sessions (
    account_id uuid not null,
    session_id uuid not null,
    flow_id uuid,
    user_id uuid,
    started_at timestamptz,
    started_event_id uuid,
    started_occurred_at timestamptz,
    started_received_at timestamptz,
    -- Everyone whom an event named as the session's user, votes aside: the
    -- erasure of any of them erases the session.
    named_user_ids uuid[] not null default '{}',
    outcome text
    check (outcome in ('resolved', 'escalated', 'workaround', 'unresolved')),
    completed_at timestamptz,
    completed_event_id uuid,
    completed_occurred_at timestamptz,
    completed_received_at timestamptz,
    primary key (account_id, session_id),
    check (num_nulls(
        flow_id, user_id, started_at,
        started_event_id, started_occurred_at, started_received_at
    ) in (0, 6)),
    check (num_nulls(
        completed_at,
        completed_event_id, completed_occurred_at, completed_received_at
    ) in (0, 4)),
    check (outcome is null or completed_at is not null)
);

create table raw.step_visits (
    account_id uuid not null,
    session_id uuid not null,
    step_id text not null,
    visited_at timestamptz not null,
    event_id uuid not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    primary key (account_id, session_id, step_id, visited_at)
);

-- Of several ratings of a session the first (occurred_at, event_id) stands.
create table raw.session_ratings (
    account_id uuid not null,
    session_id uuid not null,
    rating smallint not null check (rating between 1 and 5),
    comment text check (char_length(comment) <= 500),
    event_id uuid not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    primary key (account_id, session_id)
);

create index session_ratings_newest_comments
on raw.session_ratings (account_id, occurred_at desc, event_id desc)
where comment is not null;

-- was_helpful is null when the vote was withdrawn. The nil user id stands for
-- the session's own user, whom the event did not name.
create table raw.step_feedback (
    account_id uuid not null,
    session_id uuid not null,
    step_id text not null,
    user_id uuid not null,
    was_helpful boolean,
    event_id uuid not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    primary key (account_id, session_id, step_id, user_id)
);

-- The ids that were taken in, for ever: an id counts once per account.
create table raw.events (
    account_id uuid not null,
    event_id uuid not null,
    payload_hash bytea not null,
    received_at timestamptz not null,
    primary key (account_id, event_id)
);

-- What was erased, for ever: an old event that is delivered again changes
-- nothing.
create table raw.erasures (
    account_id uuid not null,
    kind text not null check (kind in ('user', 'session')),
    subject_id uuid not null,
    received_at timestamptz not null,
    primary key (account_id, kind, subject_id)
);

-- The change log. Every write appends the sessions it touched in its own
-- transaction; session_id is null when all sessions of the account changed. A
-- refresh claims rows by giving them its batch_id.
create table raw.changes (
    account_id uuid not null,
    change_id uuid not null default gen_random_uuid(),
    session_id uuid,
    received_at timestamptz not null,
    batch_id uuid,
    primary key (account_id, change_id)
);
