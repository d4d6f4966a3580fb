{{ config(meta={'dagster': {'ref': {'name': 'daily_step_feedback'}}}) }}

-- Each standing vote is in one day, on its step.

with days as (
    select * from {{ ref('daily_step_feedback') }}
),

facts as (
    select * from {{ ref('step_vote_facts') }}
),

sums_of_days as (
    select
        account_id,
        flow_id,
        step_id,
        sum(helpful_yes) as helpful_yes,
        sum(helpful_no) as helpful_no
    from days
    group by
        account_id,
        flow_id,
        step_id
),

sums_of_facts as (
    select
        account_id,
        flow_id,
        step_id,
        sum(helpful_yes) as helpful_yes,
        sum(helpful_no) as helpful_no
    from facts
    group by
        account_id,
        flow_id,
        step_id
)

select
    coalesce(sums_of_days.account_id, sums_of_facts.account_id) as account_id,
    coalesce(sums_of_days.flow_id, sums_of_facts.flow_id) as flow_id,
    coalesce(sums_of_days.step_id, sums_of_facts.step_id) as step_id
from sums_of_days
full outer join sums_of_facts
    on
        sums_of_days.account_id = sums_of_facts.account_id
        and sums_of_days.flow_id = sums_of_facts.flow_id
        and sums_of_days.step_id = sums_of_facts.step_id
where
    sums_of_days.helpful_yes is distinct from sums_of_facts.helpful_yes
    or sums_of_days.helpful_no
    is distinct from sums_of_facts.helpful_no
