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
        {{ sums_of('days') | indent(8) }}
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
