{#
    Every figure that is a quotient of sums, once: the sum of `of` over the sum
    of `per`, `times` so much, in units of so many, rounded half up to so many
    decimals; null of nothing. The marts render them, and the API computes them
    alike from sums that it has corrected. What they mean stands with their
    columns.
#}
{% macro figure_definitions() -%}
    {{ return({
        'completion_rate': {
            'of': ['completed'],
            'per': ['sessions'],
            'decimals': 3,
        },
        'avg_duration_minutes': {
            'of': ['duration_microseconds'],
            'per': ['completed'],
            'unit': 60000000,
            'decimals': 1,
        },
        'response_rate': {
            'of': ['rated'],
            'per': ['completed'],
            'decimals': 3,
        },
        'avg_csat': {
            'of': ['rating_points'],
            'per': ['ratings'],
            'decimals': 1,
        },
        'csat_percent': {
            'of': ['rating_4', 'rating_5'],
            'per': ['ratings'],
            'times': 100,
            'decimals': 1,
        },
        'helpful_rate': {
            'of': ['helpful_yes'],
            'per': ['helpful_yes', 'helpful_no'],
            'decimals': 3,
        },
        'drop_off': {
            'of': ['drop_offs'],
            'per': ['visits'],
            'decimals': 3,
        },
        'share': {
            'of': ['passes'],
            'per': ['visits'],
            'decimals': 3,
        },
    }) }}
{%- endmacro %}


{# A figure, of the sums in a row of the given name. #}
{% macro figure(name, row) -%}
    {%- set figure = figure_definitions()[name] -%}
    {#- numeric rounds half away from zero: half up, as nothing is negative. -#}
    (
        {{ sum_of_columns(figure.of, row) }}::numeric
        {%- if figure.times %} * {{ figure.times }}{% endif %}
        / nullif({{ sum_of_columns(figure.per, row) }}
        {%- if figure.unit %} * {{ figure.unit }}{% endif %}, 0)
    )::numeric(18, {{ figure.decimals }}) as {{ name }}
{%- endmacro %}


{% macro sum_of_columns(columns, row) -%}
    ({{ row }}.{{ columns | join(' + ' ~ row ~ '.') }})
{%- endmacro %}


{#
    Between what a share of so few may be, of as many as one likes: the ends of
    Wilson's interval at 95 % (E. B. Wilson, 1927; z = 1.96).
#}
{% macro wilson_low(part, whole) -%}
    {{ wilson_bound(part, whole, '-') }}
{%- endmacro %}


{% macro wilson_high(part, whole) -%}
    {{ wilson_bound(part, whole, '+') }}
{%- endmacro %}


{% macro wilson_bound(part, whole, sign) -%}
    (
        (
            {{ part }} + 1.96 ^ 2 / 2 {{ sign }} 1.96 * sqrt(
                {{ part }}::numeric * ({{ whole }} - {{ part }})
                / nullif({{ whole }}, 0) + 1.96 ^ 2 / 4
            )
        ) / (nullif({{ whole }}, 0) + 1.96 ^ 2)
    )::numeric(18, 3)
{%- endmacro %}


{#
    The mean of so few ratings, as if ten more had been given that are the mean
    of the account: the fewer there are, the nearer it is to that.
#}
{% macro bayesian_mean(points, ratings, account_points, account_ratings) -%}
    (
        ({{ points }} + 10 * {{ account_points }}::numeric
            / nullif({{ account_ratings }}, 0))
        / ({{ ratings }} + 10)
    )::numeric(18, 3)
{%- endmacro %}


{# So few are too few to be ranked by. #}
{% macro least_sample() -%}5{%- endmacro %}
