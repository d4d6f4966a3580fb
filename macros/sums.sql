{# The sums of all that contributes to a day, over rows of the given name. #}
{% macro sums_of(rows) -%}
    {%- for measure in [
        'sessions',
        'completed',
        'duration_microseconds',
        'resolved',
        'escalated',
        'workaround',
        'unresolved',
        'rated',
        'ratings',
        'rating_points',
        'rating_1',
        'rating_2',
        'rating_3',
        'rating_4',
        'rating_5',
    ] -%}
        sum({{ rows }}.{{ measure }})::bigint as {{ measure }}
        {{- ',\n' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
