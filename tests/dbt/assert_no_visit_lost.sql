{{ config(meta={'dagster': {'ref': {'name': 'step_visit_facts'}}}) }}

-- Each step that a session reached is one fact, and no other step is.

with steps_reached as (
    select distinct
        account_id,
        session_id,
        step_id
    from {{ ref('stg_raw__step_visits') }}
),

facts as (
    select * from {{ ref('step_visit_facts') }}
),

unmatched as (
    select
        coalesce(steps_reached.account_id, facts.account_id) as account_id,
        coalesce(steps_reached.session_id, facts.session_id) as session_id,
        coalesce(steps_reached.step_id, facts.step_id) as step_id
    from steps_reached
    full outer join facts
        on
            steps_reached.account_id = facts.account_id
            and steps_reached.session_id = facts.session_id
            and steps_reached.step_id = facts.step_id
    where
        steps_reached.step_id is null
        or facts.step_id is null
        or facts.visits <> 1
)

select * from unmatched
