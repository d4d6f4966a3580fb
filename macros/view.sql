{#
    A view whose SQL and YAML have not changed stays as it is, in a full refresh
    too: it holds nothing.

    dbt would make every view anew in each run and drop the old one with all
    that depends on it. Whoever reads the names would find no view until its
    turn comes, and building a part of the project would leave none behind.
    A view carries the fingerprint of what it was made from as its comment.
#}
{% materialization view, adapter='postgres' %}
    {%- set existing_relation = load_cached_relation(this) -%}

    {%- if existing_relation is not none
        and existing_relation.is_view
        and view_comment(existing_relation) == view_fingerprint(sql) -%}
        {%- call noop_statement('main', 'UNCHANGED VIEW') -%}
            {{ sql }}
        {%- endcall -%}
        {{ return({'relations': [existing_relation]}) }}
    {%- endif -%}

    {%- do take_role() -%}
    {{ return(materialization_view_default()) }}
{% endmaterialization %}


{% macro postgres__create_view_as(relation, sql) -%}
    {{ default__create_view_as(relation, sql) }}
    comment on view {{ relation }} is '{{ view_fingerprint(sql) }}';
    select access.serve('{{ relation }}');
{%- endmacro %}


{# dbt takes away what is not configured: the API and BI users are never. #}
{% macro postgres__apply_grants(relation, grant_config, should_revoke=true) %}
    {%- do default__apply_grants(relation, grant_config, should_revoke) -%}
    {%- if grant_config -%}
        {%- do run_query("select access.serve('" ~ relation ~ "')") -%}
    {%- endif -%}
{% endmacro %}


{# Grants, hooks and the contract are in the YAML: they count as well. #}
{% macro view_fingerprint(sql) -%}
    {{ return(local_md5(
        tojson([sql, model.config, model.columns], sort_keys=True)
    )) }}
{%- endmacro %}


{% macro view_comment(relation) -%}
    {%- set found = run_query(
        "select obj_description(to_regclass('" ~ relation ~ "'), 'pg_class')"
    ) -%}
    {{ return(found.columns[0].values()[0]) }}
{%- endmacro %}
