with visits as (
    select * from {{ ref('step_visit_facts') }}
),

summed as (
    select
        account_id,
        day,
        flow_id,
        step_id,
        sum(visits) as visits,
        sum(entries) as entries,
        sum(completions) as completions,
        sum(drop_offs) as drop_offs
    from visits
    group by
        account_id,
        day,
        flow_id,
        step_id
)

select * from summed
