{{ config(materialized='view') }}

with refreshed as (
    select * from {{ ref('stg_live__accounts') }}
),

changes as (
    select * from {{ ref('stg_raw__changes') }}
),

accounts as (
    select * from {{ ref('stg_raw__accounts') }}
),

heard_of as (
    select
        account_id,
        data_through,
        0 as pending_changes,
        null as time_zone
    from refreshed
    union all
    select
        account_id,
        received_at as data_through,
        1 as pending_changes,
        null as time_zone
    from changes
    union all
    select
        account_id,
        null as data_through,
        0 as pending_changes,
        time_zone
    from accounts
),

per_account as (
    select
        account_id,
        max(data_through) as data_through,
        sum(pending_changes) as pending_changes,
        coalesce(max(time_zone), 'UTC') as time_zone
    from heard_of
    group by account_id
),

dated as (
    select
        account_id,
        data_through,
        pending_changes,
        time_zone,
        {{ local_day('now()', 'time_zone') }} as today
    from per_account
)

select * from dated
