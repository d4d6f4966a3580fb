{{ config(materialized='view') }}

with freshness as (
    select * from {{ ref('data_freshness') }}
),

-- Today is the moment's: a period moves at the account's midnight.
windows as (
    select
        freshness.account_id,
        lengths.period,
        freshness.today - lengths.days + 1 as day_from,
        freshness.today as day_to
    from freshness
    cross join (
        values
        ('7d', 7),
        ('30d', 30),
        ('90d', 90)
    ) as lengths (period, days)
)

select * from windows
