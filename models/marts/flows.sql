{{ config(materialized='view') }}

with flows as (
    select * from {{ ref('stg_raw__flows') }}
),

named as (
    select
        account_id,
        flow_id,
        name
    from flows
)

select * from named
