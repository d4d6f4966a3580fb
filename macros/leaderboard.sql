{#
    The figures of every flow or engineer in every period, as sums. `key` is the
    column that tells them apart.
#}
{% macro leaderboard(key) -%}
with periods as (
    select * from {{ ref('periods') }}
),

outcomes as (
    select * from {{ ref('daily_outcomes') }}
),

ratings as (
    select * from {{ ref('daily_ratings') }}
),

-- Sessions count on the day they started, ratings on the day they were given.
measures_per_day as (
    select
        account_id,
        day,
        {{ key }},
        sessions,
        completed,
        duration_microseconds,
        resolved,
        escalated,
        workaround,
        unresolved,
        rated,
        0 as ratings,
        0 as rating_points,
        0 as rating_1,
        0 as rating_2,
        0 as rating_3,
        0 as rating_4,
        0 as rating_5
    from outcomes
    union all
    select
        account_id,
        day,
        {{ key }},
        0 as sessions,
        0 as completed,
        0 as duration_microseconds,
        0 as resolved,
        0 as escalated,
        0 as workaround,
        0 as unresolved,
        0 as rated,
        ratings,
        rating_points,
        rating_1,
        rating_2,
        rating_3,
        rating_4,
        rating_5
    from ratings
),

summed as (
    select
        periods.account_id,
        periods.period,
        measures_per_day.{{ key }},
        periods.day_from,
        periods.day_to,
        sum(measures_per_day.sessions)::bigint as sessions,
        sum(measures_per_day.completed)::bigint as completed,
        sum(measures_per_day.duration_microseconds)::bigint
            as duration_microseconds,
        sum(measures_per_day.resolved)::bigint as resolved,
        sum(measures_per_day.escalated)::bigint as escalated,
        sum(measures_per_day.workaround)::bigint as workaround,
        sum(measures_per_day.unresolved)::bigint as unresolved,
        sum(measures_per_day.rated)::bigint as rated,
        sum(measures_per_day.ratings)::bigint as ratings,
        sum(measures_per_day.rating_points)::bigint as rating_points,
        sum(measures_per_day.rating_1)::bigint as rating_1,
        sum(measures_per_day.rating_2)::bigint as rating_2,
        sum(measures_per_day.rating_3)::bigint as rating_3,
        sum(measures_per_day.rating_4)::bigint as rating_4,
        sum(measures_per_day.rating_5)::bigint as rating_5
    from periods
    inner join measures_per_day
        on
            periods.account_id = measures_per_day.account_id
            and measures_per_day.day between periods.day_from and periods.day_to
    group by
        periods.account_id,
        periods.period,
        measures_per_day.{{ key }},
        periods.day_from,
        periods.day_to
)

select * from summed
{%- endmacro %}
