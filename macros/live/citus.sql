{#
    On Citus every table that is made is spread over the nodes by the column
    that its model names, the rows of an account beside those that it has in
    raw:

        meta: {distributed_by: account_id}

    dbt_project.yml says so for all marts, and nobody has to think of it who
    makes another one. Elsewhere none of this changes what is run.

    What else Citus asks for:

    - A key, an index and a policy are declared before a table is spread.
    - A definition is sent by itself: of several in one command Citus hands the
      whole command on to the nodes, which refuse it.
    - A subquery that reads its outer query has no limit and no offset.
    - What is updated takes no volatile function.
    - A temporary table stays on the coordinator. One may be filled from tables
      that are spread, and those may be changed by joining it; but nothing
      correlates with it, and a merge refuses it.
#}
{% macro is_on_citus() -%}
    {{ return(execute and run_query(
        "select exists (select from pg_extension where extname = 'citus')"
    ).rows[0][0]) }}
{%- endmacro %}


{# The column that the model's tables are spread by; none: by none. #}
{% macro distributed_by() -%}
    {%- set column = config.get('meta', {}).get('distributed_by') -%}
    {%- if column and model.columns and column not in model.columns -%}
        {{ exceptions.raise_compiler_error(
            'The model ' ~ model.name ~ ' is distributed by ' ~ column
            ~ ', which is none of its columns: name one of them in its YAML, '
            ~ 'meta: {distributed_by: …}, or null to keep it on one node.'
        ) }}
    {%- endif -%}
    {{ return(column) }}
{%- endmacro %}


{% macro distribute(relation, column='account_id') -%}
select access.distribute({{ quoted(relation) }}, {{ quoted(column) }});
{%- endmacro %}


{#
    Runs a script that defines something, and returns what its last statement
    gives: as one command, or on Citus a statement at a time. There, what goes
    to all shards goes one by one: what defines and what writes may be in the
    same transaction then.
#}
{% macro run_script(script) -%}
    {%- if not is_on_citus() -%}
        {{ return(run_query(script)) }}
    {%- endif -%}
    {%- do run_query(
        "set local citus.multi_shard_modify_mode = 'sequential'"
    ) -%}
    {%- set done = [] -%}
    {%- for each in statements_of(script) -%}
        {%- do done.append(run_query(each)) -%}
    {%- endfor -%}
    {{ return(done[-1]) }}
{%- endmacro %}


{# A semicolon in a comment, a text, a name or a body ends no statement. #}
{% macro statements_of(script) -%}
    {%- set statements = [] -%}
    {%- set ends = [0] -%}
    {%- for token in modules.re.finditer(
        '(?s)--[^\n]*|/\\*.*?\\*/|\\b[eE]\'(?:[^\'\\\\]|\\\\.|\'\')*\''
        ~ '|\'[^\']*\'|"[^"]*"|\\$(\\w*)\\$.*?\\$\\1\\$|;',
        script
    ) if token.group(0) == ';' -%}
        {%- do statements.append(script[ends[-1]:token.start()] | trim) -%}
        {%- do ends.append(token.end()) -%}
    {%- endfor -%}
    {%- do statements.append(script[ends[-1]:] | trim) -%}
    {{ return(statements | select | list) }}
{%- endmacro %}


{#
    A value that no row had, for all rows of an update: a version. On Citus it
    is known before.
#}
{% macro new_version() -%}
    {{ return(
        quoted(run_query('select gen_random_uuid()').rows[0][0]) ~ '::uuid'
        if is_on_citus() else 'gen_random_uuid()'
    ) }}
{%- endmacro %}


{# dbt's own tables, too: made empty, spread, and filled node by node. #}
{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {%- set column = none if temporary or not is_on_citus()
        else distributed_by() -%}
    {%- if not column -%}
        {{ return(dbt.postgres__create_table_as(temporary, relation, sql)) }}
    {%- endif -%}
    {{ config.get('sql_header') or '' }}
    create {{ 'unlogged ' if config.get('unlogged') }}table {{ relation }}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
        {{ get_table_columns_and_constraints() }};
        {%- set filling = get_select_subquery(sql) -%}
        {%- set columns = '(' ~ get_column_names() ~ ')' -%}
    {%- else %} as
        select * from (
            {{ sql }}
        ) as empty
        limit 0;
        {%- set filling = sql -%}
        {%- set columns = '' -%}
    {%- endif %}
    {{ distribute(relation, column) }}
    insert into {{ relation }} {{ columns }} (
        {{ filling }}
    );
{%- endmacro %}
