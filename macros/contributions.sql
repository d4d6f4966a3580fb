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
    {{ sums_of('contributions') | indent(4) }}
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
