{#
    A folder's schema as it is written. dbt's own macro would put the target's
    schema in front: marts_staging.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
