{#
    The calendar day of an instant where the account is. Where the account's
    zone is not known yet, a day is a day of UTC.
#}
{% macro local_day(instant, time_zone) -%}
    ({{ instant }} at time zone coalesce({{ time_zone }}, 'UTC'))::date
{%- endmacro %}
