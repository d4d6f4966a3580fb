{#
    Tells the API what it may serve: what the YAML says of every model with
    `meta: {serve: true}`, as it was built. The API judges it, and serves it or
    says why not; see ingest/catalog.py.

    It travels through the database, so every API process, on whatever machine,
    sees what was built and not what its own files say. A model that failed in
    this run, or was not published, keeps its entry, as its old definition is what
    is read; one that is gone, or does not ask to be served any more, loses it.
#}
{% macro publish_served(results, unpublished) -%}
    {%- if execute and flags.WHICH in ['run', 'build'] -%}
        {%- set succeeded = [] -%}
        {%- set replaced = [] -%}
        {%- for result in results
            if result.status == 'success'
            and result.node.schema ~ '.' ~ result.node.alias
                not in unpublished -%}
            {%- do succeeded.append(result.node.unique_id) -%}
            {%- if result.node.resource_type == 'model'
                and result.node.config.materialized == 'view'
                and result.message not in ['UNCHANGED VIEW', 'STAGED'] -%}
                {%- do replaced.append(result.node.unique_id) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set asking = [] -%}
        {%- set entries = [] -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == 'model'
            and node.config.meta.get('serve') is true -%}
            {%- do asking.append(quoted(node.unique_id)) -%}
            {%- if node.unique_id in succeeded -%}
                {%- do entries.append(
                    '(' ~ quoted(node.unique_id) ~ ', '
                    ~ quoted(tojson(served_definition(node))) ~ ', '
                    ~ stays_for(node) ~ ')'
                ) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do run_query(served_script(asking, entries, replaced)) -%}
    {%- endif -%}
{%- endmacro %}


{#
    An answer is kept for as long as the account's version stays, and a view
    that was replaced may answer otherwise: no version stays then. A live model
    that was rebuilt has seen to that.
#}
{% macro served_script(asking, entries, replaced) -%}
{{ lock_live() }};
delete from live.served
where model <> all(array[{{ asking | join(', ') }}]::text[]);
{%- if entries %}
insert into live.served as known (model, definition, stays_for)
select model, definition::jsonb, stays_for::text
from (
    values
    {{ entries | join(',\n    ') }}
) as built (model, definition, stays_for)
on conflict (model) do update set
    definition = excluded.definition,
    stays_for = excluded.stays_for
where
    (known.definition, known.stays_for)
    is distinct from (excluded.definition, excluded.stays_for);
{%- endif %}
{%- if replaced %}
update live.accounts set version = {{ new_version() }};
{%- endif %}
commit
{%- endmacro %}


{#
    What the YAML says of a model; ingest/contracts.py takes the same from
    dbt's manifest.
#}
{% macro served_definition(node) -%}
    {%- set columns = [] -%}
    {%- for column in node.columns.values() -%}
        {%- do columns.append({
            'name': column.name,
            'data_type': column.data_type,
            'description': column.description,
            'tags': column.tags,
            'unit': column.config.meta.get('unit'),
            'constraints': column.constraints | map(attribute='type') | list,
        }) -%}
    {%- endfor -%}
    {%- set constraints = [] -%}
    {%- for constraint in node.constraints -%}
        {%- do constraints.append({
            'type': constraint.type, 'columns': constraint.columns,
        }) -%}
    {%- endfor -%}
    {%- set tests = [] -%}
    {%- for test in graph.nodes.values()
        if test.resource_type == 'test'
        and test.attached_node == node.unique_id
        and test.test_metadata.name in ['unique', 'not_null', 'unique_combination'] -%}
        {%- do tests.append({
            'name': test.test_metadata.name,
            'columns': test.test_metadata.kwargs.get('columns')
                or [test.column_name],
        }) -%}
    {%- endfor -%}
    {{ return({
        'name': node.name,
        'version': node.version,
        'latest_version': node.latest_version,
        'schema': node.schema,
        'identifier': node.alias,
        'description': node.description,
        'has_contract': node.contract.enforced,
        'tags': node.tags,
        'columns': columns,
        'constraints': constraints,
        'tests': tests,
    }) }}
{%- endmacro %}


{#
    What stands in the macros that a model calls, and in those that they call.
    One that cannot be found counts as a clock.
#}
{% macro code_of_macros(node) -%}
    {%- set called = node.depends_on.macros | list -%}
    {%- set codes = [] -%}
    {%- for macro_id in called -%}
        {%- set package, name = macro_id.split('.')[1:] -%}
        {#- An adapter's stand among dbt's own. -#}
        {%- set namespace = context.get(package) or context['dbt'] -%}
        {%- set found = namespace.get(name) -%}
        {%- do codes.append(found.macro.macro_sql if found else 'now()') -%}
        {%- for inner_id in (found.macro.depends_on.macros if found else [])
            if inner_id not in called -%}
            {%- do called.append(inner_id) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return('\n' ~ codes | join('\n')) }}
{%- endmacro %}


{#
    For how long the rows of an account stay as they are while nothing is
    written in it, so that an answer may be kept: until its day ends ('day'),
    until the minute does ('minute'), or not at all (null). Views and live
    models stay unless their SQL, or a macro in it, looks at the clock; one that
    does so only to know the account's day, or the minute, says
    `meta: {clock: day}` or `minute`. A table is made anew by a run, which nothing in the account tells.
#}
{% macro stays_for(node) -%}
    {%- set upstream = [node] -%}
    {%- set clocks = ['day'] -%}
    {%- for each in upstream -%}
        {%- set looks_at_the_clock = modules.re.search(
            '\\b(now|clock_timestamp|statement_timestamp|transaction_timestamp'
            '|timeofday|random|gen_random_uuid)\\s*\\('
            '|\\b(current_(date|time|timestamp)|local(time|timestamp))\\b',
            (each.raw_code ~ code_of_macros(each)) | lower
        ) is not none -%}
        {%- if each.config.materialized not in ['live', 'view'] -%}
            {%- do clocks.append('none') -%}
        {%- elif looks_at_the_clock -%}
            {%- do clocks.append(each.config.meta.get('clock', 'none')) -%}
        {%- endif -%}
        {%- for parent_id in each.depends_on.nodes -%}
            {%- set parent = graph.nodes.get(parent_id)
                or graph.sources.get(parent_id) -%}
            {%- if parent is none -%}
                {%- do clocks.append('none') -%}
            {%- elif parent.resource_type == 'model' -%}
                {%- if parent not in upstream -%}
                    {%- do upstream.append(parent) -%}
                {%- endif -%}
            {%- elif parent.resource_type != 'source'
                or parent.schema not in ['raw', 'live'] -%}
                {%- do clocks.append('none') -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if 'none' in clocks -%}
        {{ return('null') }}
    {%- endif -%}
    {{ return(quoted('minute' if 'minute' in clocks else 'day')) }}
{%- endmacro %}
