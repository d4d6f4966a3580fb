{{ config(meta={'dagster': {'ref': {'name': 'step_visit_facts'}}}) }}

with visits as (
    select * from {{ ref('step_visit_facts') }}
),

ways as (
    select
        account_id,
        session_id,
        sum(entries) as entries,
        sum(completions) + sum(drop_offs) as ends
    from visits
    group by
        account_id,
        session_id
)

select * from ways
where entries <> 1 or ends <> 1
