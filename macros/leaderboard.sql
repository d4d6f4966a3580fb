{#
    The figures of every flow or engineer in every period, as sums, from their
    rollups. `key` is the column that tells them apart.
#}
{% macro leaderboard(rollups, key) -%}
with periods as (
    select * from {{ ref('periods') }}
),

days as (
    select *
    from {{ rollups }}
    where span_days = 1
),

summed as (
    select
        periods.account_id,
        periods.period,
        days.{{ key }},
        periods.day_from,
        periods.day_to,
        sum(days.sessions)::bigint as sessions,
        sum(days.completed)::bigint as completed,
        sum(days.duration_microseconds)::bigint as duration_microseconds,
        sum(days.resolved)::bigint as resolved,
        sum(days.escalated)::bigint as escalated,
        sum(days.workaround)::bigint as workaround,
        sum(days.unresolved)::bigint as unresolved,
        sum(days.rated)::bigint as rated,
        sum(days.ratings)::bigint as ratings,
        sum(days.rating_points)::bigint as rating_points,
        sum(days.rating_1)::bigint as rating_1,
        sum(days.rating_2)::bigint as rating_2,
        sum(days.rating_3)::bigint as rating_3,
        sum(days.rating_4)::bigint as rating_4,
        sum(days.rating_5)::bigint as rating_5
    from periods
    inner join days
        on
            periods.account_id = days.account_id
            and days.day_from between periods.day_from and periods.day_to
    group by
        periods.account_id,
        periods.period,
        days.{{ key }},
        periods.day_from,
        periods.day_to
)

select * from summed
{%- endmacro %}
