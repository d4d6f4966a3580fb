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
    {%- set served_sql = with_served_names(sql) -%}

    {%- if served_sql == sql
        and existing_relation is not none
        and existing_relation.is_view
        and view_comment(existing_relation) == view_fingerprint(sql) -%}
        {%- call noop_statement('main', 'UNCHANGED VIEW') -%}
            {{ sql }}
        {%- endcall -%}
        {{ return({'relations': [existing_relation]}) }}
    {%- endif -%}

    {%- do take_role() -%}
    {%- if is_tested_first() -%}
        {{ run_hooks(pre_hooks, inside_transaction=False) }}
        {%- call statement('lock') -%}{{ lock_live() }}{%- endcall -%}
        {{ run_hooks(pre_hooks, inside_transaction=True) }}
        {%- do stage_view(sql, served_sql) -%}
        {{ run_hooks(post_hooks, inside_transaction=True) }}
        {{ adapter.commit() }}
        {{ run_hooks(post_hooks, inside_transaction=False) }}
        {{ return({'relations': [this.incorporate(type='view')]}) }}
    {%- endif -%}
    {{ return(materialization_view_default()) }}
{% endmaterialization %}


{# Makes the view beside what is served, to be tested there. #}
{% macro stage_view(sql, served_sql) -%}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(sql) -%}
    {%- endif -%}
    {%- do run_script(stage_view_script(
        view_definition(served_sql), sql, view_comment(this)
    )) -%}
    {%- call noop_statement('main', 'STAGED') -%}
        {{ sql }}
    {%- endcall -%}
{%- endmacro %}


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
