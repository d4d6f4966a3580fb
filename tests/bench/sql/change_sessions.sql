-- What happens next to each of the sessions: it is completed, else it is rated,
-- else its outcome is corrected. Each is in the change log then.
with changing as (
    select
        sessions.account_id,
        sessions.session_id,
        sessions.started_at,
        sessions.completed_at,
        sessions.outcome,
        session_ratings.session_id is not null as is_rated
    from
        unnest(%(account_ids)s::uuid[], %(session_ids)s::uuid[])
            as picked (account_id, session_id)
    inner join raw.sessions
        on
            picked.account_id = sessions.account_id
            and picked.session_id = sessions.session_id
    left join raw.session_ratings
        on
            picked.account_id = session_ratings.account_id
            and picked.session_id = session_ratings.session_id
),

stored as (
    update raw.sessions
    set
        outcome = case changing.outcome
            when 'resolved' then 'escalated'
            when 'escalated' then 'workaround'
            when 'workaround' then 'unresolved'
            else 'resolved'
        end,
        completed_at = coalesce(
            changing.completed_at, changing.started_at + interval '20 minutes'
        ),
        completed_event_id = gen_random_uuid(),
        completed_occurred_at = %(now)s,
        completed_received_at = %(now)s
    from changing
    where
        sessions.account_id = changing.account_id
        and sessions.session_id = changing.session_id
        and (changing.completed_at is null or changing.is_rated)
),

rated as (
    insert into raw.session_ratings (
        account_id, session_id, rating, event_id, occurred_at, received_at
    )
    select
        account_id,
        session_id,
        1 + mod(abs(uuid_hash(session_id)::bigint), 5),
        gen_random_uuid(),
        %(now)s as occurred_at,
        %(now)s as received_at
    from changing
    where completed_at is not null and not is_rated
    -- Another writer may have been faster.
    on conflict (account_id, session_id) do nothing
)

insert into raw.changes (account_id, session_id, received_at)
select
    account_id,
    session_id,
    %(now)s
from changing
