-- The first four steps of a share of the sessions, a minute each.
insert into raw.step_visits (
    account_id, session_id, step_id, visited_at,
    event_id, occurred_at, received_at
)
select
    sessions.account_id,
    sessions.session_id,
    'step-' || step.number,
    sessions.started_at + interval '1 minute' * (step.number - 1),
    sessions.session_id as event_id,
    sessions.started_at + interval '1 minute' * (step.number - 1),
    sessions.started_at + interval '1 minute' * (step.number - 1)
from raw.sessions
cross join generate_series(1, 4) as step (number)
where
    pg_temp.chance(uuid_hash_extended(sessions.session_id, 0), 21) < %(share)s
