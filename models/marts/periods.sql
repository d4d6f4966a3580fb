{{ config(materialized='view') }}

with freshness as (
    select * from {{ ref('data_freshness') }}
),

-- Today is the moment's: a period moves at the account's midnight. `custom` is
-- the window that the reader names.
windows as (
    select
        freshness.account_id,
        lengths.period,
        coalesce(
            freshness.today - lengths.days + 1,
            nullif(current_setting('app.day_from', true), '')::date
        ) as day_from,
        case
            when lengths.days is null
                then nullif(current_setting('app.day_to', true), '')::date
            else freshness.today
        end as day_to
    from freshness
    cross join (
        values
        ('7d', 7),
        ('30d', 30),
        ('90d', 90),
        ('custom', null)
    ) as lengths (period, days)
),

named as (
    select
        account_id,
        period,
        day_from,
        day_to
    from windows
    where day_from <= day_to
)

select * from named
