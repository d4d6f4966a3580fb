{#
    A mart that is exact at every moment, at about the cost of a look-up.

    The model is a plain select. Two kinds:

    - One that reads staging says what each session contributes: session_id is
      in its key, and its rows are made of that session's rows in raw alone
      (and of the account's own row).
    - One that reads other live models says how contributions add up. Each of
      its measures is a sum of measures, so whatever holds of the whole holds
      of a difference, too: sum(), union all, where, group by, and values to
      spread a row over. No count(), avg(), min(), max() or distinct, no
      condition on a measure, no number in place of one, and no join of two
      live models: check_linear() tries that out.

    The YAML has what else is needed: a contract with all columns and a primary
    key. Integers outside the key are the measures, unless their meta has
    `dimension: true`; every row has a measure that is not 0. `indexes` are those of dbt's tables.

    What is made of a model named facts:

    - marts.facts, a view, is the model as everybody reads it: what is stored,
      corrected by what the pending sessions contribute now instead.
    - live.facts__stored, a table, has the model as of the last refresh.
    - live.facts__pending (of models that read staging) is the model over the
      pending sessions, live.facts__difference that minus what is stored of
      them, or the model over such differences.
    - live.facts__recomputed is the model over all of raw, and
      live.facts__resummed (of models that read others) over what is stored.

    A model whose SQL and YAML are as they were is left alone: the refresh,
    which runs at the start and at the end of each run, keeps it up to date.
    Otherwise, and in a full refresh, it is computed beside what is stored, with
    the live models that read it, and all of that is published in one
    transaction; see rebuild.sql.
#}
{% materialization live, adapter='postgres' -%}
    {%- set view = this.incorporate(type='view') -%}
    {%- set definition = live_definition() -%}
    {%- set registered = registered_models() -%}

    {%- if is_up_to_date(definition, registered) -%}
        {%- call noop_statement('main', 'UNCHANGED') -%}
            {{ sql }}
        {%- endcall -%}
        {{ return({'relations': [view]}) }}
    {%- endif -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {# From here to the commit: what others built meanwhile is known. #}
    {%- call statement('lock') -%}{{ lock_live() }}{%- endcall -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if is_tested_first() -%}
        {%- do stage_model(definition, registered_models()) -%}
        {{ run_hooks(post_hooks, inside_transaction=True) }}
        {{ adapter.commit() }}
        {{ run_hooks(post_hooks, inside_transaction=False) }}
        {{ return({'relations': [view]}) }}
    {%- endif -%}

    {%- set existing_relation = load_cached_relation(this) -%}
    {%- if existing_relation is not none and not existing_relation.is_view -%}
        {{ drop_relation_if_exists(existing_relation) }}
    {%- endif -%}
    {%- set registered = registered_models() -%}
    {%- set before = registered.get(definition.model) -%}
    {%- set readers = readers_of([definition.model], registered) -%}
    {%- do check_linear(definition, registered) -%}
    {%- if is_on_citus() -%}
        {%- do run_script(rebuild_script(definition, registered)) -%}
        {%- call noop_statement('main', 'REBUILT') -%}
            {{ sql }}
        {%- endcall -%}
    {%- else -%}
        {%- call statement('main') -%}
            {{ rebuild_script(definition, registered) }}
        {%- endcall -%}
    {%- endif -%}
    {%- if drops_views(before, definition) -%}
        {# And with them the views that read them: dbt is to know. #}
        {%- do adapter.cache_dropped(view) -%}
        {%- for each in readers if model_of(each.model) == each.model -%}
            {%- set reader = api.Relation.create(
                database=this.database,
                schema=each.schema,
                identifier=each.model,
                type='view'
            ) -%}
            {%- do adapter.cache_dropped(reader) -%}
            {%- do apply_grants(reader, each.grants, should_revoke=false) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do apply_grants(view, config.get('grants'), should_revoke=true) -%}
    {%- do persist_docs(view, model) -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [view]}) }}
{%- endmaterialization %}


{#
    Whether what is stored is this definition's: in a full refresh only if this
    same invocation has computed it, with a model that it reads. What it has
    made a candidate of is stored there.
#}
{% macro is_up_to_date(definition, registered) -%}
    {%- set staged = registered.get(candidate_name(definition.model)) -%}
    {%- if staged is not none and is_tested_first() -%}
        {{ return(staged.fingerprint == definition.fingerprint) }}
    {%- endif -%}
    {%- set known = registered.get(definition.model) -%}
    {{ return(
        known is not none
        and known.fingerprint == definition.fingerprint
        and (not should_full_refresh() or known.rebuilt_by == invocation_id)
        and is_served(definition)
    ) }}
{%- endmacro %}


{# Computes the model beside what is served, to be tested there. #}
{% macro stage_model(definition, registered) -%}
    {%- set names = staged_models(registered).keys() | list -%}
    {%- do check_linear(candidate_of(definition, names), registered) -%}
    {%- do run_script(stage_script(definition, registered)) -%}
    {%- call noop_statement('main', 'STAGED') -%}
        {{ sql }}
    {%- endcall -%}
{%- endmacro %}


{# Whether the mart is there, and no other view of that name. #}
{% macro is_served(definition) -%}
    {{ return(run_query(
        "select coalesce(position('" ~ definition.model ~ "__stored' in
            pg_get_viewdef(to_regclass('" ~ definition.schema ~ "."
            ~ definition.model ~ "'))) > 0, false)"
    ).columns[0].values()[0]) }}
{%- endmacro %}


{#
    What the registry keeps of the model that is being built. Raises a compiler
    error that says what to mend when it cannot be kept live.
#}
{% macro live_definition() -%}
    {%- if not config.get('contract').enforced -%}
        {{ live_error('needs a contract: its columns and their types') }}
    {%- endif -%}
    {%- do get_assert_columns_equivalent(sql) -%}

    {%- set reads = [] -%}
    {%- set staging = [] -%}
    {%- for parent_id in model.depends_on.nodes -%}
        {%- set parent = graph.nodes.get(parent_id) -%}
        {%- if parent is none or parent.resource_type != 'model' -%}
            {{ live_error('may read models only, not ' ~ parent_id) }}
        {%- elif parent.config.materialized == 'live' -%}
            {%- do reads.append(parent.alias) -%}
        {%- elif parent.config.materialized == 'view' -%}
            {%- set candidate = '"' ~ candidates_schema() ~ '"."'
                ~ parent.alias ~ '"' -%}
            {%- do staging.append(
                (candidates_schema() if candidate in sql else parent.schema)
                ~ '.' ~ parent.alias
            ) -%}
        {%- else -%}
            {{ live_error('may read live models or views, and '
                ~ parent.name ~ ' is neither') }}
        {%- endif -%}
    {%- endfor -%}
    {%- if reads and staging -%}
        {{ live_error('reads live models and views: the difference of the '
            'first would not be the whole difference') }}
    {%- endif -%}

    {%- set key = [] -%}
    {%- for constraint in model.constraints
        if constraint.type == 'primary_key' -%}
        {%- do key.extend(constraint.columns) -%}
    {%- endfor -%}
    {%- set measures = [] -%}
    {%- set others = [] -%}
    {%- set columns = [] -%}
    {%- for column in model.columns.values() -%}
        {%- set not_null = column.name in key or column.constraints
            | selectattr('type', 'equalto', 'not_null') | list | length > 0 -%}
        {%- do columns.append({
            'name': column.name,
            'type': column.data_type,
            'not_null': not_null,
        }) -%}
        {%- if column.name in key -%}
        {%- elif column.data_type | lower in [
            'smallint', 'integer', 'bigint', 'int2', 'int', 'int4', 'int8',
        ] and not column.get('config', {}).get('meta', {}).get('dimension') -%}
            {%- do measures.append(column.name) -%}
        {%- else -%}
            {%- do others.append(column.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if not key or key[0] != 'account_id' -%}
        {{ live_error('needs a primary key that begins with account_id') }}
    {%- elif not measures -%}
        {{ live_error('has no measure: an integer outside its key') }}
    {%- elif reads and others -%}
        {{ live_error('has columns that are neither in its key nor integers '
            'to add up: ' ~ others | join(', ')) }}
    {%- elif not reads and 'session_id' not in key -%}
        {{ live_error('reads no other live model, so its key needs '
            'session_id') }}
    {%- endif -%}
    {%- if (distributed_by() or 'account_id') != 'account_id' -%}
        {{ live_error('is distributed by ' ~ distributed_by() ~ ': what is '
            'pending is known by account, so its rows lie by account_id') }}
    {%- endif -%}
    {%- if reads -%}
        {%- set unfit = nonlinear_function(sql) -%}
        {%- if unfit -%}
            {{ live_error('uses ' ~ unfit ~ ', which is wrong of a '
                'difference: a measure is a sum of measures') }}
        {%- endif -%}
    {%- endif -%}

    {%- set definition = {
        'model': this.identifier,
        'schema': this.schema,
        'reads': reads,
        'key': key,
        'measures': measures,
        'columns': columns,
        'indexes': config.get('indexes', []),
        'grants': config.get('grants', {}),
        'sql': without_database(with_served_names(sql)) if reads
            else with_inlined_views(without_database(sql), staging),
    } -%}
    {%- do definition.update({
        'fingerprint': local_md5(tojson([
            definition, live_version(),
        ], sort_keys=True)),
    }) -%}
    {{ return(definition) }}
{%- endmacro %}


{#
    To be raised when what these macros make of a model changes. They make
    something else of it on Citus.
#}
{% macro live_version() -%}
    {{ return('2 on Citus' if is_on_citus() else 2) }}
{%- endmacro %}


{#
    Raises an error if the model is not linear, as tried out on some rows of an
    account in what it reads: over all of them it must give what it gives over
    a part of them, less what it gives over the others with the opposite sign.
#}
{% macro check_linear(definition, registered) -%}
    {%- if definition.reads -%}
        {%- set parts = {'whole': {}, 'kept': {}, 'negative': {}} -%}
        {%- set tables = [] -%}
        {%- for name in definition.reads -%}
            {%- set read = registered[name] -%}
            {%- for part, relations in parts.items() -%}
                {%- do relations.update({name: 'pg_temp.' ~ name ~ '__' ~ part
                    ~ '_of_' ~ definition.model}) -%}
            {%- endfor -%}
            {%- do tables.append(linear_parts(
                read, definition.reads[0], parts.whole[name],
                parts.kept[name], parts.negative[name]
            )) -%}
        {%- endfor -%}
        {%- set wrong = run_query(
            tables | join('\n')
            ~ 'select 1 from (\n'
            ~ 'select ' ~ column_list(definition) ~ ' from (\n'
            ~ sql_over(definition, '', parts.whole) ~ '\n) as whole\n'
            ~ 'union all\n'
            ~ 'select ' ~ column_list(definition, '- {}') ~ ' from (\n'
            ~ sql_over(definition, '', parts.kept) ~ '\n) as kept\n'
            ~ 'union all\n'
            ~ 'select ' ~ column_list(definition) ~ ' from (\n'
            ~ sql_over(definition, '', parts.negative) ~ '\n) as negative\n'
            ~ ') as parts (' ~ column_list(definition) ~ ')\n'
            ~ 'group by ' ~ definition.key | join(', ')
            ~ ' having ' ~ counts_something(definition, 'sum({})')
            ~ ' limit 1'
        ).rows -%}
        {%- if wrong -%}
            {{ live_error('is no sum of measures: over rows in two parts it '
                'gives other figures than over all of them. A condition on a '
                'measure, a number in place of one and a join of two live '
                'models do that') }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{% macro linear_parts(read, first, whole, kept, negative) -%}
create temporary table {{ whole }} on commit drop as
select {{ column_list(read) }}
from live.{{ read.model }}__stored
where account_id = (select account_id from live.{{ first }}__stored limit 1)
order by {{ read.key | join(', ') }}
limit 1000;
create temporary table {{ kept }} on commit drop as
select *
from {{ whole }} as part
where hashtext(part::text) % 2 = 0;
create temporary table {{ negative }} on commit drop as
select {{ column_list(read, '(- {})::{type} as {}') }}
from {{ whole }} as part
where hashtext(part::text) % 2 <> 0;
{% endmacro %}


{% macro live_error(message) -%}
    {{ exceptions.raise_compiler_error(
        'The live model ' ~ this.identifier ~ ' ' ~ message ~ '.'
    ) }}
{%- endmacro %}


{#
    The first function or keyword in the SQL by which it is not linear; none if
    there is none. Windows and distinct are among them: a difference has not
    all the rows that they would look at.
#}
{% macro nonlinear_function(sql) -%}
    {%- set bare = modules.re.sub(
        '--[^\n]*|\'[^\']*\'|"[^"]*"|/\\*(?s:.)*?\\*/', '', sql
    ) -%}
    {%- set found = modules.re.search(
        '\\b(count|avg|min|max|bool_and|bool_or|every|array_agg|string_agg|'
        'stddev\\w*|var_\\w+|variance|percentile_\\w+|mode)\\s*\\(|'
        '\\b(over|distinct|intersect|except|limit|having)\\b',
        bare | lower
    ) -%}
    {{ return((found.group(1) or found.group(2)) if found else none) }}
{%- endmacro %}
