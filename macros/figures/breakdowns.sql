{#
    What the sessions of a period's days count for by each dimension, as rows
    to be added up. Stands in a lateral subquery beside a row named periods.
#}
{% macro breakdown_parts() -%}
    {%- for relation, day, dimension, value in [
        ('flow_rollups', 'day_from', 'flow', 'days.flow_id::text'),
        ('engineer_rollups', 'day_from', 'engineer', 'days.user_id::text'),
        ('account_days', 'day', 'weekday', "to_char(days.day, 'ID')"),
        ('account_hours', 'day', 'hour', "lpad(days.hour::text, 2, '0')"),
    ] %}
    select
        '{{ dimension }}' as dimension,
        {{ value }} as value,
        {{ columns_of('days', session_measures()) | indent(8) }},
        days.rated
    from {{ ref(relation) }} as days
    where
        days.account_id = periods.account_id
        and days.{{ day }} >= periods.day_from
        and days.{{ day }} <= periods.day_to
        {%- if day == 'day_from' %}
        and days.span_days = 1
        {%- endif %}
    union all
    {%- endfor %}
    select
        'outcome' as dimension,
        outcomes.value,
        outcomes.sessions,
        outcomes.completed,
        null::bigint as duration_microseconds,
        outcomes.resolved,
        outcomes.escalated,
        outcomes.workaround,
        outcomes.unresolved,
        null::bigint as rated
    from {{ ref('account_days') }} as days
    cross join lateral (
        values
        {%- for outcome in [
            'resolved', 'escalated', 'workaround', 'unresolved',
        ] %}
        (
            '{{ outcome }}',
            days.{{ outcome }},
            days.{{ outcome }}
            {%- for other in [
                'resolved', 'escalated', 'workaround', 'unresolved',
            ] %},
            {{ 'days.' ~ other if other == outcome else '0' }}
            {%- endfor %}
        ),
        {%- endfor %}
        (
            'none',
            days.completed - days.resolved - days.escalated
            - days.workaround - days.unresolved,
            days.completed - days.resolved - days.escalated
            - days.workaround - days.unresolved,
            0, 0, 0, 0
        ),
        (
            'not completed',
            days.sessions - days.completed,
            0, 0, 0, 0, 0
        )
    ) as outcomes (
        value, sessions, completed,
        resolved, escalated, workaround, unresolved
    )
    where
        days.account_id = periods.account_id
        and days.day >= periods.day_from
        and days.day <= periods.day_to
{%- endmacro %}
