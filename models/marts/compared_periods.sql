{{ config(materialized='view') }}

with periods as (
    select * from {{ ref('periods') }}
),

accounts as (
    select * from {{ ref('stg_raw__accounts') }}
),

clocks as (
    select
        periods.account_id,
        periods.period,
        periods.day_from,
        periods.day_to,
        periods.day_to - periods.day_from + 1 as days,
        date_trunc(
            'minute', now() at time zone coalesce(accounts.time_zone, 'UTC')
        ) as local_minute
    from periods
    left join accounts
        on periods.account_id = accounts.account_id
),

-- The window before is as long, and ends at the same point of the day, to the
-- minute: of a period that has today, today minus its length counts up to then.
compared as (
    select
        account_id,
        period,
        day_from,
        day_to,
        day_from - days as previous_from,
        least(day_to, local_minute::date) - days as previous_to,
        case when day_to >= local_minute::date then local_minute::time end
            as previous_until
    from clocks
)

select * from compared
