{#
    The figures of every flow or engineer over spans of 1, 4, 16, 64 and 256
    days, so that any window is the sum of a few rows of each. `key` is the
    column that tells them apart. A span begins where the days since 0001-01-01
    are a multiple of its length.
#}
{% macro rollup(key) -%}
with facts as (
    select * from {{ ref('facts') }}
),

days as (
    {{ contributions_per_day(key) | indent(4) }}
),

summed as (
    select
        days.account_id,
        spans.span_days,
        {{ start_of_span('days.day', 'spans.span_days') }} as day_from,
        days.{{ key }},
        {{ sums_of('days') | indent(8) }}
    from days
    cross join {{ spans() }}
    group by
        days.account_id,
        spans.span_days,
        {{ start_of_span('days.day', 'spans.span_days') }},
        days.{{ key }}
)

select * from summed
{%- endmacro %}


{# How many days a span may have; each fits whole into the next longer one. #}
{% macro spans(lengths=[1, 4, 16, 64, 256]) -%}
    (
        values ({{ lengths | join('), (') }})
    ) as spans (span_days)
{%- endmacro %}


{# The first day of the span that has the day. #}
{% macro start_of_span(day, span_days) -%}
    {{ day }} - ({{ day }} - date '0001-01-01') % {{ span_days }}
{%- endmacro %}
