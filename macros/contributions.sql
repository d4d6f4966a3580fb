{#
    Everything that facts contribute, each to the day on which it counts: a
    session to the day it started, its rating to the day it was given. `key` is
    a column of facts to tell the rows apart by; none for the whole account.
#}
{% macro contributions_per_day(key=none) -%}
select
    facts.account_id,
    contributions.day,
    {%- if key %}
    facts.{{ key }},
    {%- endif %}
    sum(contributions.sessions)::bigint as sessions,
    sum(contributions.completed)::bigint as completed,
    sum(contributions.duration_microseconds)::bigint as duration_microseconds,
    sum(contributions.resolved)::bigint as resolved,
    sum(contributions.escalated)::bigint as escalated,
    sum(contributions.workaround)::bigint as workaround,
    sum(contributions.unresolved)::bigint as unresolved,
    sum(contributions.rated)::bigint as rated,
    sum(contributions.ratings)::bigint as ratings,
    sum(contributions.rating_points)::bigint as rating_points,
    sum(contributions.rating_1)::bigint as rating_1,
    sum(contributions.rating_2)::bigint as rating_2,
    sum(contributions.rating_3)::bigint as rating_3,
    sum(contributions.rating_4)::bigint as rating_4,
    sum(contributions.rating_5)::bigint as rating_5
from facts
cross join lateral (
    values
    (
        facts.day,
        facts.sessions,
        facts.completed,
        facts.duration_microseconds,
        facts.resolved,
        facts.escalated,
        facts.workaround,
        facts.unresolved,
        facts.ratings,
        0, 0, 0, 0, 0, 0, 0
    ),
    (
        facts.rating_day,
        0, 0, 0, 0, 0, 0, 0, 0,
        facts.ratings,
        facts.rating_points,
        facts.rating_1,
        facts.rating_2,
        facts.rating_3,
        facts.rating_4,
        facts.rating_5
    )
) as contributions (
    day, sessions, completed, duration_microseconds, resolved, escalated,
    workaround, unresolved, rated, ratings, rating_points,
    rating_1, rating_2, rating_3, rating_4, rating_5
)
-- The day of a rating that was not given.
where contributions.day is not null
group by
    facts.account_id,
    contributions.day
    {%- if key %},
    facts.{{ key }}
    {%- endif %}
{%- endmacro %}
