-- What every session contributes to the figures of the steps it reached.

with visits as (
    select * from {{ ref('stg_raw__step_visits') }}
),

-- The session as facts has it, not as raw has it by now: whether it counts as
-- completed is then the same in both, also when it is completed during the
-- build. And as facts is built after builds, so is this.
facts as (
    select * from {{ ref('facts') }}
),

-- However often a session came back to a step, it reached it once.
reached as (
    select
        account_id,
        session_id,
        step_id,
        max(visited_at) as last_visited_at
    from visits
    group by
        account_id,
        session_id,
        step_id
),

-- 1 is the step the session was last at. Collation "C": the tie must not
-- depend on how a server sorts text.
ranked as (
    select
        account_id,
        session_id,
        step_id,
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
        facts.flow_id,

        ---------- the visit, on the day the session started
        facts.day,
        1 as visits,
        case
            when facts.completed = 0 and ranked.steps_from_the_end = 1 then 1
            else 0
        end as drop_offs
    from ranked
    inner join facts
        on
            ranked.account_id = facts.account_id
            and ranked.session_id = facts.session_id
)

select * from measured
