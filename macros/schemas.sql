{#
    A folder's schema as it is written. dbt's own macro would put the target's
    schema in front: marts_staging.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}


{% macro postgres__create_schema(relation) -%}
    {%- do take_role() -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation.schema }};
        select access.open_schema('{{ relation.schema }}')
    {%- endcall -%}
{%- endmacro %}


{#
    Whatever is made belongs to the role of the profile, not to a login. dbt
    takes it when it connects, in a transaction that it may roll back later.
#}
{% macro take_role() -%}
    {%- do run_query(
        "select set_config('role', '" ~ target.role ~ "', false)"
    ) -%}
{%- endmacro %}
