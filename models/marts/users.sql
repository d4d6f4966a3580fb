{{ config(materialized='view') }}

with users as (
    select * from {{ ref('stg_raw__users') }}
),

named as (
    select
        account_id,
        user_id,
        name,
        role
    from users
)

select * from named
