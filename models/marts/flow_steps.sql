{{ config(materialized='view') }}

with flow_steps as (
    select * from {{ ref('stg_raw__flow_steps') }}
),

named as (
    select
        account_id,
        flow_id,
        step_id,
        title,
        position,
        is_current
    from flow_steps
)

select * from named
