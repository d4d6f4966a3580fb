{{ config(meta={'dagster': {'ref': {'name': 'account_days'}}}) }}

with days as (
    select * from {{ ref('account_days') }}
),

hours as (
    select * from {{ ref('account_hours') }}
),

account_durations as (
    select * from {{ ref('account_durations') }}
),

flow_durations as (
    select * from {{ ref('flow_durations') }}
),

parts as (
    select
        account_id,
        day,
        sessions,
        completed,
        completed as completed_with_duration,
        completed as completed_with_flow_and_duration
    from days
    union all
    select
        account_id,
        day,
        -sessions as sessions,
        -completed as completed,
        0 as completed_with_duration,
        0 as completed_with_flow_and_duration
    from hours
    union all
    select
        account_id,
        day_from as day,
        0 as sessions,
        0 as completed,
        -completed as completed_with_duration,
        0 as completed_with_flow_and_duration
    from account_durations
    where span_days = 1
    union all
    select
        account_id,
        day_from as day,
        0 as sessions,
        0 as completed,
        0 as completed_with_duration,
        -completed as completed_with_flow_and_duration
    from flow_durations
    where span_days = 1
)

select
    account_id,
    day
from parts
group by
    account_id,
    day
having
    sum(sessions) <> 0
    or sum(completed) <> 0
    or sum(completed_with_duration) <> 0
    or sum(completed_with_flow_and_duration) <> 0
