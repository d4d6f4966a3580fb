-- What every session contributes to the figures of the steps it reached.

with visits as (
    select * from {{ ref('stg_raw__step_visits') }}
),

sessions as (
    select * from {{ ref('stg_raw__sessions') }}
),

accounts as (
    select * from {{ ref('stg_raw__accounts') }}
),

-- However often a session came back to a step, it reached it once.
reached as (
    select
        account_id,
        session_id,
        step_id,
        min(visited_at) as first_visited_at,
        max(visited_at) as last_visited_at
    from visits
    group by
        account_id,
        session_id,
        step_id
),

-- 1 is the step the session was first, or last, at. Collation "C": the tie
-- must not depend on how a server sorts text.
ranked as (
    select
        account_id,
        session_id,
        step_id,
        row_number() over (
            partition by account_id, session_id
            order by first_visited_at asc, step_id collate "C" asc
        ) as steps_from_the_start,
        row_number() over (
            partition by account_id, session_id
            order by last_visited_at desc, step_id collate "C" desc
        ) as steps_from_the_end
    from reached
),

measured as (
    select
        ---------- ids
        ranked.account_id,
        ranked.session_id,
        ranked.step_id,
        sessions.flow_id,

        ---------- the visit, on the day the session started
        {{ local_day('sessions.started_at', 'accounts.time_zone') }} as day,
        1 as visits,
        case when ranked.steps_from_the_start = 1 then 1 else 0 end as entries,
        case
            when
                sessions.completed_at is not null
                and ranked.steps_from_the_end = 1
                then 1
            else 0
        end as completions,
        case
            when
                sessions.completed_at is null
                and ranked.steps_from_the_end = 1
                then 1
            else 0
        end as drop_offs
    from ranked
    inner join sessions
        on
            ranked.account_id = sessions.account_id
            and ranked.session_id = sessions.session_id
    left join accounts
        on ranked.account_id = accounts.account_id
)

select * from measured
