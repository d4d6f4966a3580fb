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
        days.day - (days.day - date '0001-01-01') % spans.span_days as day_from,
        days.{{ key }},
        {{ sums_of('days') | indent(8) }}
    from days
    cross join (values (1), (4), (16), (64), (256)) as spans (span_days)
    group by
        days.account_id,
        spans.span_days,
        days.day - (days.day - date '0001-01-01') % spans.span_days,
        days.{{ key }}
)

select * from summed
{%- endmacro %}
