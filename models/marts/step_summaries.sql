{{ config(materialized='view') }}

with periods as (
    select * from {{ ref('periods') }}
),

-- What is visited counts on the day that the session started, a vote on the
-- day that it was last cast: side by side, as a step may have either.
summed as (
    select
        periods.account_id,
        periods.period,
        sums.flow_id,
        sums.step_id,
        periods.day_from,
        periods.day_to,
        sums.visits,
        sums.entries,
        sums.completions,
        sums.drop_offs,
        sums.helpful_yes,
        sums.helpful_no
    from periods
    -- Or the days of a period would not reach the indexes.
    cross join lateral ( -- noqa: ST05
        with parts as (
            select
                visited.flow_id,
                visited.step_id,
                visited.visits,
                visited.entries,
                visited.completions,
                visited.drop_offs,
                0 as helpful_yes,
                0 as helpful_no
            from {{ ref('daily_step_visits') }} as visited
            where
                visited.account_id = periods.account_id
                and visited.day >= periods.day_from
                and visited.day <= periods.day_to
            union all
            select
                voted.flow_id,
                voted.step_id,
                0 as visits,
                0 as entries,
                0 as completions,
                0 as drop_offs,
                voted.helpful_yes,
                voted.helpful_no
            from {{ ref('daily_step_feedback') }} as voted
            where
                voted.account_id = periods.account_id
                and voted.day >= periods.day_from
                and voted.day <= periods.day_to
        )

        select
            parts.flow_id,
            parts.step_id,
            sum(parts.visits)::bigint as visits,
            sum(parts.entries)::bigint as entries,
            sum(parts.completions)::bigint as completions,
            sum(parts.drop_offs)::bigint as drop_offs,
            sum(parts.helpful_yes)::bigint as helpful_yes,
            sum(parts.helpful_no)::bigint as helpful_no
        from parts
        group by
            parts.flow_id,
            parts.step_id
    ) as sums
),

figured as (
    select
        summed.account_id,
        summed.period,
        summed.flow_id,
        summed.step_id,
        summed.day_from,
        summed.day_to,
        summed.visits,
        summed.entries,
        summed.completions,
        summed.drop_offs,
        summed.helpful_yes,
        summed.helpful_no,
        {{ figure('drop_off', 'summed') }},
        {{ figure('helpful_rate', 'summed') }},
        {{ wilson_low(
            'summed.helpful_yes', '(summed.helpful_yes + summed.helpful_no)'
        ) }} as helpful_rate_low,
        {{ wilson_high(
            'summed.helpful_yes', '(summed.helpful_yes + summed.helpful_no)'
        ) }} as helpful_rate_high
    from summed
)

select * from figured
