-- What every session contributes to how its flow is gone through.

with visits as (
    select * from {{ ref('stg_raw__step_visits') }}
),

sessions as (
    select * from {{ ref('stg_raw__sessions') }}
),

accounts as (
    select * from {{ ref('stg_raw__accounts') }}
),

-- Collation "C": the tie must not depend on how a server sorts text.
followed as (
    select
        account_id,
        session_id,
        step_id,
        lead(step_id) over (
            partition by account_id, session_id
            order by visited_at asc, step_id collate "C" asc
        ) as next_step_id
    from visits
),

-- However often a session went this way, it took it once. A step that was
-- shown again is no way from it.
taken as (
    select distinct
        account_id,
        session_id,
        step_id,
        next_step_id
    from followed
    where next_step_id <> step_id
),

measured as (
    select
        ---------- ids
        taken.account_id,
        taken.session_id,
        taken.step_id,
        taken.next_step_id,
        sessions.flow_id,

        ---------- the edge, on the day the session started
        {{ local_day('sessions.started_at', 'accounts.time_zone') }} as day,
        1 as passes
    from taken
    inner join sessions
        on
            taken.account_id = sessions.account_id
            and taken.session_id = sessions.session_id
    left join accounts
        on taken.account_id = accounts.account_id
)

select * from measured
