with builds as (
    select * from {{ ref('builds') }}
),

accounts as (
    select * from {{ ref('stg_raw__accounts') }}
),

-- The build's own instant, not now(): every mart of a build then agrees on
-- which day is today, also when midnight passes in between.
todays as (
    select
        builds.account_id,
        {{ local_day('builds.as_of', 'accounts.time_zone') }} as today
    from builds
    left join accounts
        on builds.account_id = accounts.account_id
),

windows as (
    select
        todays.account_id,
        lengths.period,
        todays.today - lengths.days + 1 as day_from,
        todays.today as day_to
    from todays
    cross join (
        values
        ('7d', 7),
        ('30d', 30),
        ('90d', 90)
    ) as lengths (period, days)
)

select * from windows
