{{ config(materialized='view') }}

with periods as (
    select * from {{ ref('periods') }}
),

-- One look at the days and one at the hours for each period.
summed as (
    select
        periods.account_id,
        periods.period,
        sums.dimension,
        sums.value,
        periods.day_from,
        periods.day_to,
        sums.sessions,
        sums.completed,
        sums.duration_microseconds,
        sums.resolved,
        sums.escalated,
        sums.workaround,
        sums.unresolved,
        sums.rated
    from periods
    -- Or the days of a period would not reach the indexes.
    cross join lateral ( -- noqa: ST05
        with parts as (
            {{ breakdown_parts() | indent(12) }}
        )

        select
            parts.dimension,
            parts.value,
            sum(parts.sessions)::bigint as sessions,
            sum(parts.completed)::bigint as completed,
            sum(parts.duration_microseconds)::bigint as duration_microseconds,
            sum(parts.resolved)::bigint as resolved,
            sum(parts.escalated)::bigint as escalated,
            sum(parts.workaround)::bigint as workaround,
            sum(parts.unresolved)::bigint as unresolved,
            sum(parts.rated)::bigint as rated
        from parts
        group by
            parts.dimension,
            parts.value
        having sum(parts.sessions) > 0
    ) as sums
),

figured as (
    select
        summed.account_id,
        summed.period,
        summed.dimension,
        summed.value,
        summed.day_from,
        summed.day_to,
        {{ columns_of('summed', session_measures()) | indent(8) }},
        summed.rated,
        {{ figure('completion_rate', 'summed') }},
        {{ figure('avg_duration_minutes', 'summed') }},
        {{ figure('response_rate', 'summed') }}
    from summed
)

select * from figured
