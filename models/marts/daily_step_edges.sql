with edges as (
    select * from {{ ref('step_edge_facts') }}
),

summed as (
    select
        account_id,
        day,
        flow_id,
        step_id,
        next_step_id,
        sum(passes) as passes
    from edges
    group by
        account_id,
        day,
        flow_id,
        step_id,
        next_step_id
)

select * from summed
