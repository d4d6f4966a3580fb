-- What waits for sessions of which nobody has heard that they started: those
-- whose last word came before. Of some of them, if their ids are given.
with facts as (
    select
        session_id,
        received_at
    from raw.step_visits
    where account_id = %(account_id)s
    union all
    select
        session_id,
        received_at
    from raw.session_ratings
    where account_id = %(account_id)s
    union all
    select
        session_id,
        received_at
    from raw.step_feedback
    where account_id = %(account_id)s
    union all
    select
        session_id,
        completed_received_at as received_at
    from raw.sessions
    where account_id = %(account_id)s and completed_at is not null
)

select facts.session_id
from facts
left join raw.sessions
    on
        sessions.account_id = %(account_id)s
        and facts.session_id = sessions.session_id
where
    sessions.started_at is null
    and (
        %(session_ids)s::uuid[] is null
        or facts.session_id = any(%(session_ids)s::uuid[])
    )
group by facts.session_id
having max(facts.received_at) < %(sessions_from)s
