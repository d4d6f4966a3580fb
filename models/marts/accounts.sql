{{ config(materialized='view') }}

with accounts as (
    select * from {{ ref('stg_raw__accounts') }}
),

named as (
    select
        account_id,
        name,
        time_zone
    from accounts
)

select * from named
