{#
    Makes what is stored of an account, or of all, what a computation from raw
    gives, in one transaction, and changes only the rows that differ:

        dbt run-operation repair --args '{account_id: <id>}'

    A refresh adds differences to sums, so it cannot mend a sum that is wrong.
#}
{% macro repair(account_id=none) -%}
    {%- do create_live_schema() -%}
    {%- do run_live_script(repair_script, (account_id,)) -%}
{%- endmacro %}


{% macro repair_script(models, account_id) -%}
    {%- set repaired = {} -%}
    {%- for each in models -%}
        {%- do repaired.update({
            each.model: beside(each.model ~ '__repaired')
        }) -%}
    {%- endfor -%}
{{ lock_live() }};
{% for each in models %}
    {%- if is_on_citus() %}
{{ create_beside(each, repaired[each.model]) }}
insert into {{ repaired[each.model] }} ({{ column_list(each) }})
    {%- else %}
create temporary table {{ repaired[each.model] }} on commit drop as
    {%- endif %}
select {{ column_list(each) }}
from (
{{ sql_over(each, '', repaired) }}
) as repaired
where
    {{ of_account(account_id) }}
    and {{ counts_something(each) }};
analyze {{ repaired[each.model] }};
{{ take_differing_rows(each, repaired[each.model], account_id) }}
{% endfor %}
{%- for table in repaired.values() if is_on_citus() %}
drop table {{ table }};
{%- endfor %}
update live.accounts set version = {{ new_version() }}
where {{ of_account(account_id) }}
{%- endmacro %}


{% macro of_account(account_id) -%}
    {{ return(
        "account_id = " ~ quoted(account_id) ~ "::uuid" if account_id
        else 'true'
    ) }}
{%- endmacro %}


{#
    Takes a live model away whose file is gone: until then the refresh keeps it
    as it was last built. Refuses while something else reads it.

        dbt run-operation forget --args '{model: <name>}'
#}
{% macro forget(model) -%}
    {%- do create_live_schema() -%}
    {%- do run_live_script(forget_script, (model,)) -%}
{%- endmacro %}


{% macro forget_script(models, name) -%}
    {%- set known = models | selectattr('model', 'equalto', name) | list -%}
    {%- if not known -%}
        {{ exceptions.raise_compiler_error(
            'There is no live model ' ~ name ~ '.'
        ) }}
    {%- endif -%}
{{ lock_live() }};
drop view {{ known[0].schema }}.{{ name }};
drop view if exists live.{{ name }}__difference;
drop view if exists live.{{ name }}__pending;
drop view if exists live.{{ name }}__recomputed;
drop view if exists live.{{ name }}__resummed;
drop table live.{{ name }}__stored;
delete from live.models where model = {{ quoted(name) }}
{%- endmacro %}
