{#
    Percentiles cannot be added up, but how many durations lie in a bucket can:
    so they come from buckets, and differ from the exact ones by at most 1/64
    (1.6 %).
#}


{#
    The bucket of a duration (microseconds): the duration rounded down to its 6
    highest bits. So there are 32 buckets from any duration to twice it.
#}
{% macro duration_bucket(microseconds) -%}
    {{ microseconds }} & (
        -1::bigint << {{ bits_dropped(microseconds) }}
    )
{%- endmacro %}


{# The middle of a bucket (microseconds): no duration in it is 1/64 away. #}
{% macro middle_of_bucket(bucket) -%}
    ({{ bucket }} + (1::bigint << {{ bits_dropped(bucket) }}) / 2)
{%- endmacro %}


{# All but 6: a number has as many bits as there are powers of two up to it. #}
{% macro bits_dropped(number) -%}
    {%- set powers = [] -%}
    {%- for exponent in range(63) -%}
        {%- do powers.append(2 ** exponent) -%}
    {%- endfor -%}
    greatest(
        width_bucket({{ number }}, '{{ '{' ~ powers | join(',') ~ '}' }}'::bigint[])
        - 6,
        0
    )
{%- endmacro %}


{#
    How many sessions lasted about how long, over spans of days as in rollup;
    `lengths` are theirs. `key` is the column to tell them apart by; none for
    the whole account.
#}
{% macro duration_rollup(lengths, key=none) -%}
with facts as (
    select * from {{ ref('facts') }}
),

summed as (
    select
        facts.account_id,
        spans.span_days,
        {{ start_of_span('facts.day', 'spans.span_days') }} as day_from,
        {%- if key %}
        facts.{{ key }},
        {%- endif %}
        facts.duration_bucket,
        sum(facts.completed)::bigint as completed
    from facts
    cross join {{ spans(lengths) }}
    where facts.duration_bucket is not null
    group by
        facts.account_id,
        spans.span_days,
        {{ start_of_span('facts.day', 'spans.span_days') }},
        {%- if key %}
        facts.{{ key }},
        {%- endif %}
        facts.duration_bucket
)

select * from summed
{%- endmacro %}
