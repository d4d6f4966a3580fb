{#
    Makes what is stored of an account, or of all, what a computation from raw
    gives, in one transaction, and changes only the rows that differ:

        dbt run-operation repair --args '{account_id: <id>}'

    A refresh adds differences to sums, so it cannot mend a sum that is wrong.
#}
{% macro repair(account_id=none) -%}
    {%- do create_live_schema() -%}
    {%- set models = registered_models().values() | list -%}
    {%- if models -%}
        {%- do run_query(repair_script(models, account_id)) -%}
        {%- do run_query('commit') -%}
    {%- endif -%}
{%- endmacro %}


{% macro repair_script(models, account_id) -%}
    {%- set repaired = {} -%}
    {%- for each in models -%}
        {%- do repaired.update({each.model: each.model ~ '__repaired'}) -%}
    {%- endfor -%}
{{ lock_live() }};
{% for each in models %}
create temporary table {{ repaired[each.model] }} on commit drop as
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
update live.accounts set version = gen_random_uuid()
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
    {%- set known = registered_models().get(model) -%}
    {%- if known is none -%}
        {{ exceptions.raise_compiler_error(
            'There is no live model ' ~ model ~ '.'
        ) }}
    {%- endif -%}
    {%- do run_query(lock_live()) -%}
    {%- do run_query('drop view ' ~ known.schema ~ '.' ~ model) -%}
    {%- for suffix in ['difference', 'pending', 'recomputed', 'resummed'] -%}
        {%- do run_query(
            'drop view if exists live.' ~ model ~ '__' ~ suffix
        ) -%}
    {%- endfor -%}
    {%- do run_query('drop table live.' ~ model ~ '__stored') -%}
    {%- do run_query(
        'delete from live.models where model = ' ~ quoted(model)
    ) -%}
    {%- do run_query('commit') -%}
{%- endmacro %}
