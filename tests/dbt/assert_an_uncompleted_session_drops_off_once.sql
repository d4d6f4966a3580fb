{{ config(meta={'dagster': {'ref': {'name': 'step_visit_facts'}}}) }}

-- A session that reached a step and is not completed stopped at one step, a
-- completed one at none.

with visits as (
    select * from {{ ref('step_visit_facts') }}
),

facts as (
    select * from {{ ref('facts') }}
),

drop_offs_per_session as (
    select
        account_id,
        session_id,
        sum(drop_offs) as drop_offs
    from visits
    group by
        account_id,
        session_id
)

select
    drop_offs_per_session.account_id,
    drop_offs_per_session.session_id,
    drop_offs_per_session.drop_offs,
    facts.completed
from drop_offs_per_session
inner join facts
    on
        drop_offs_per_session.account_id = facts.account_id
        and drop_offs_per_session.session_id = facts.session_id
where drop_offs_per_session.drop_offs + facts.completed <> 1
