{{ config(meta={'dagster': {'ref': {'name': 'breakdowns'}}}) }}

with summaries as (
    select *
    from {{ ref('account_summaries') }}
    where part = 'current' and sessions > 0
),

breakdowns as (
    select * from {{ ref('breakdowns') }}
),

sums as (
    select
        account_id,
        period,
        dimension,
        sum(sessions) as sessions,
        sum(completed) as completed,
        sum(resolved) as resolved
    from breakdowns
    group by
        account_id,
        period,
        dimension
),

expected as (
    select
        summaries.account_id,
        summaries.period,
        dimensions.dimension,
        summaries.sessions,
        summaries.completed,
        summaries.resolved
    from summaries
    cross join (
        values ('flow'), ('engineer'), ('outcome'), ('weekday'), ('hour')
    ) as dimensions (dimension)
)

select
    coalesce(sums.account_id, expected.account_id) as account_id,
    coalesce(sums.period, expected.period) as period,
    coalesce(sums.dimension, expected.dimension) as dimension
from sums
full outer join expected
    on
        sums.account_id = expected.account_id
        and sums.period = expected.period
        and sums.dimension = expected.dimension
where
    sums.sessions is distinct from expected.sessions
    or sums.completed is distinct from expected.completed
    or sums.resolved is distinct from expected.resolved
