-- Judges and stores many ratings at once; a row for each, with the code of the
-- problem if it was refused.
with asked as (
    select
        item.event_id,
        item.session_id,
        item.user_id,
        item.rating,
        item.comment,
        item.occurred_at
    from jsonb_to_recordset(%(items)s) as item (
        event_id uuid,
        session_id uuid,
        user_id uuid,
        rating smallint,
        comment text,
        occurred_at timestamptz
    )
),

judged as (
    select
        asked.event_id,
        asked.session_id,
        asked.rating,
        asked.comment,
        asked.occurred_at,
        case
            when sessions.started_at is null then 'session_not_found'
            when sessions.user_id <> asked.user_id then 'not_your_session'
            when sessions.completed_at is null then 'session_not_completed'
        end as refusal
    from asked
    -- One look-up each, whatever the planner thinks of the size of a group.
    left join lateral (
        select
            sessions.user_id,
            sessions.started_at,
            sessions.completed_at
        from raw.sessions
        where
            sessions.account_id = %(account_id)s
            and sessions.session_id = asked.session_id
        limit 1
    ) as sessions on true
),

stored as (
    insert into raw.session_ratings (
        account_id, session_id, rating, comment,
        event_id, occurred_at, received_at
    )
    select
        %(account_id)s,
        judged.session_id,
        judged.rating,
        judged.comment,
        judged.event_id,
        judged.occurred_at,
        judged.occurred_at as received_at
    from judged
    where judged.refusal is null
    order by judged.session_id asc, judged.occurred_at asc
    on conflict (account_id, session_id) do nothing
    returning session_id, event_id, received_at
),

logged as (
    insert into raw.changes (account_id, session_id, received_at)
    select
        %(account_id)s,
        stored.session_id,
        stored.received_at
    from stored
)

select
    judged.event_id,
    coalesce(
        judged.refusal,
        case when stored.event_id is null then 'already_rated' end
    ) as refusal
from judged
left join stored
    on judged.event_id = stored.event_id
