-- The engineer's vote on one of four steps, in the same share of the sessions
-- as has visits.
with voting as (
    select
        account_id,
        session_id,
        user_id,
        started_at + interval '5 minutes' as voted_at,
        uuid_hash_extended(session_id, 0) as subject
    from raw.sessions
    offset 0
)

insert into raw.step_feedback (
    account_id, session_id, step_id, user_id, was_helpful,
    event_id, occurred_at, received_at
)
select
    account_id,
    session_id,
    'step-' || 1 + floor(4 * pg_temp.chance(subject, 22))::integer,
    user_id,
    pg_temp.chance(subject, 23) < 0.8,
    session_id as event_id,
    voted_at,
    voted_at as received_at
from voting
where pg_temp.chance(subject, 21) < %(share)s
