{#
    Flows or engineers of every period with their places: by sessions, and by
    quality, where a sample that is too small comes after all that are not.
    `key` is the column that tells them apart.
#}
{% macro leaderboard(summaries, key) -%}
with summaries as (
    select
        *,
        sum(ratings) over (partition by account_id, period)
            as account_ratings,
        sum(rating_points) over (partition by account_id, period)
            as account_rating_points
    from {{ summaries }}
    where part = 'current'
),

judged as (
    select
        account_id,
        period,
        {{ key }},
        day_from,
        day_to,
        sessions,
        completed,
        duration_microseconds,
        resolved,
        escalated,
        workaround,
        unresolved,
        rated,
        ratings,
        rating_points,
        completion_rate,
        {{ wilson_low('completed', 'sessions') }} as completion_rate_low,
        {{ wilson_high('completed', 'sessions') }} as completion_rate_high,
        sessions < {{ least_sample() }} as insufficient_sample,
        avg_duration_minutes,
        response_rate,
        avg_csat,
        csat_percent,
        {{ bayesian_mean(
            'rating_points',
            'ratings',
            'account_rating_points',
            'account_ratings'
        ) }} as csat_score,
        ratings < {{ least_sample() }} as insufficient_ratings
    from summaries
),

-- A place is shared by those that do not differ.
placed as (
    select
        *,
        rank() over (
            partition by account_id, period
            order by sessions desc
        ) as place_by_sessions,
        rank() over (
            partition by account_id, period
            order by
                insufficient_sample asc,
                completion_rate_low desc nulls last
        ) as place_by_completion,
        rank() over (
            partition by account_id, period
            order by
                insufficient_ratings asc,
                csat_score desc nulls last
        ) as place_by_csat
    from judged
)

select * from placed
{%- endmacro %}
