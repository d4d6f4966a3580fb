{#
    The time of day of an instant where the account is; see local_day.
#}
{% macro local_time(instant, time_zone) -%}
    ({{ instant }} at time zone coalesce({{ time_zone }}, 'UTC'))::time
{%- endmacro %}
