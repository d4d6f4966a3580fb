{{ config(meta={'dagster': {'ref': {'name': 'daily_step_visits'}}}) }}

-- Each step that a session reached is in one day.

with days as (
    select * from {{ ref('daily_step_visits') }}
),

facts as (
    select * from {{ ref('step_visit_facts') }}
),

sums_of_days as (
    select
        account_id,
        flow_id,
        step_id,
        sum(visits) as visits,
        sum(entries) as entries,
        sum(completions) as completions,
        sum(drop_offs) as drop_offs
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
        sum(visits) as visits,
        sum(entries) as entries,
        sum(completions) as completions,
        sum(drop_offs) as drop_offs
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
    sums_of_days.visits is distinct from sums_of_facts.visits
    or sums_of_days.entries is distinct from sums_of_facts.entries
    or sums_of_days.completions is distinct from sums_of_facts.completions
    or sums_of_days.drop_offs
    is distinct from sums_of_facts.drop_offs
