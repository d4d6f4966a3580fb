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
        end as day_to,
        freshness.today,
        date_trunc('minute', now() at time zone freshness.time_zone)::time
            as time_of_day
    from freshness
    cross join (
        values
        ('7d', 7),
        ('30d', 30),
        ('90d', 90),
        ('custom', null)
    ) as lengths (period, days)
),

-- The window before is as long, and ends at the same point of the day, to the
-- minute: of a period that has today, today minus its length counts up to then.
compared as (
    select
        account_id,
        period,
        day_from,
        day_to,
        day_from - (day_to - day_from + 1) as previous_from,
        least(day_to, today) - (day_to - day_from + 1) as previous_to,
        case when day_to >= today then time_of_day end as previous_until
    from windows
    where day_from <= day_to
)

select * from compared
