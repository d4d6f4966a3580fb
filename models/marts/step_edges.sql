{{ config(materialized='view') }}

with periods as (
    select * from {{ ref('periods') }}
),

-- A step's visits stand beside the ways that lead from it.
summed as (
    select
        periods.account_id,
        periods.period,
        sums.flow_id,
        sums.step_id,
        sums.next_step_id,
        periods.day_from,
        periods.day_to,
        sums.passes,
        sums.visits
    from periods
    -- Or the days of a period would not reach the indexes.
    cross join lateral ( -- noqa: ST05
        with parts as (
            select
                edges.flow_id,
                edges.step_id,
                edges.next_step_id,
                edges.passes,
                0 as visits
            from {{ ref('daily_step_edges') }} as edges
            where
                edges.account_id = periods.account_id
                and edges.day >= periods.day_from
                and edges.day <= periods.day_to
            union all
            select
                visited.flow_id,
                visited.step_id,
                null as next_step_id,
                0 as passes,
                visited.visits
            from {{ ref('daily_step_visits') }} as visited
            where
                visited.account_id = periods.account_id
                and visited.day >= periods.day_from
                and visited.day <= periods.day_to
        )

        select
            parts.flow_id,
            parts.step_id,
            parts.next_step_id,
            sum(parts.passes)::bigint as passes,
            sum(sum(parts.visits)) over (
                partition by parts.flow_id, parts.step_id
            )::bigint as visits
        from parts
        group by
            parts.flow_id,
            parts.step_id,
            parts.next_step_id
    ) as sums
),

figured as (
    select
        summed.account_id,
        summed.period,
        summed.flow_id,
        summed.step_id,
        summed.next_step_id,
        summed.day_from,
        summed.day_to,
        summed.passes,
        summed.visits,
        {{ figure('share', 'summed') }}
    from summed
    where summed.next_step_id is not null
)

select * from figured
