-- depends: 0001.raw 0006.sessions_by_start

-- What was erased, for ever: an old event that is delivered again changes
-- nothing. A hash of the id is enough to know it again: whoever was erased is
-- named nowhere, here neither. It is that of ingest/store/tombstones.py.
--
-- A table of a new name: to a process that still writes plain ids into the old
-- one the database is not migrated, and its clients try again.
create table raw.tombstones (
    account_id uuid not null,
    kind text not null check (kind in ('user', 'session')),
    subject_hash bytea not null,
    received_at timestamptz not null,
    primary key (account_id, kind, subject_hash)
);

insert into raw.tombstones (account_id, kind, subject_hash, received_at)
select
    account_id,
    kind,
    substring(sha256(uuid_send(subject_id)) for 16) as subject_hash,
    received_at
from raw.erasures;

drop table raw.erasures;

-- The sessions of a person: those that are theirs are found by
-- sessions_by_flow_and_user; these are the few that say more, or less.
create index sessions_named_otherwise
on raw.sessions (account_id)
where named_user_ids is distinct from array[user_id];

-- The votes of a person, on sessions of others too. Those that name nobody are
-- found by their session.
create index step_feedback_by_user
on raw.step_feedback (account_id, user_id)
where user_id <> '00000000-0000-0000-0000-000000000000';
