{#
    At the end of a run: what passed takes its place, and the API is told of it.

    What this returns is run as SQL: nothing, or an error that says what was not
    published and why, by which the run fails.
#}
{% macro publish(results) -%}
    {%- if not execute or flags.WHICH not in ['run', 'build', 'test'] -%}
        {{ return('') }}
    {%- endif -%}
    {%- do create_live_schema() -%}
    {%- set unpublished = publish_candidates(results) -%}
    {%- if not unpublished.relations or unpublished.is_first -%}
        {%- do publish_figures() -%}
    {%- endif -%}
    {%- do publish_served(results, unpublished.relations) -%}
    {%- do publish_checks(results, unpublished.relations) -%}
    {%- if unpublished.relations -%}
        {%- set sentence = 'Not published, and served as before: '
            ~ unpublished.relations | sort | join(', ') ~ '. '
            ~ unpublished.reason -%}
        {%- do log(sentence, info=True) -%}
        {{ return('do $not_published$ begin raise exception using message = '
            ~ quoted(sentence) ~ '; end $not_published$') }}
    {%- endif -%}
{%- endmacro %}


{#
    Publishes this invocation's candidates: all of them, if all that was to be
    built was built and each test that reads one of them passed; else none.
    Where nothing is served yet, those that passed, without those that read
    others.

    Returns the relations that were not published, and a sentence that says why.
#}
{% macro publish_candidates(results) -%}
    {%- set staged = [] -%}
    {%- for result in results
        if result.node.resource_type == 'model'
        and result.message == 'STAGED' -%}
        {%- do staged.append(result.node.schema ~ '.' ~ result.node.alias) -%}
    {%- endfor -%}
    {%- if not staged -%}
        {{ return({'relations': []}) }}
    {%- endif -%}

    {%- set lock = "hashtextextended('upshot refresh', 0)" -%}
    {%- do run_query('select pg_advisory_lock(' ~ lock ~ ')') -%}
    {%- set registered = registered_models() -%}
    {%- set candidates = candidates_of_this_run() -%}
    {%- set overtaken = overtaken_candidates(candidates, registered, staged) -%}
    {%- set reasons = reasons_against(results, candidates) -%}
    {%- set is_first = registered.values() | selectattr('schema', 'ne',
        candidates_schema()) | list | length == 0 -%}

    {%- set unpublished = [] -%}
    {%- set sentence = none -%}
    {%- if overtaken -%}
        {%- do unpublished.extend(staged) -%}
        {%- do unpublished.extend(candidates.keys() | reject('in', staged)) -%}
        {%- set sentence = 'Another run has published meanwhile: '
            ~ 'run it again.' -%}
    {%- elif reasons and is_first -%}
        {%- do unpublished.extend(unfit_candidates(reasons, candidates)) -%}
    {%- elif reasons -%}
        {%- do unpublished.extend(candidates.keys()) -%}
    {%- endif -%}

    {%- set fit = {} -%}
    {%- for relation, each in candidates.items()
        if relation not in unpublished -%}
        {%- do fit.update({relation: each}) -%}
    {%- endfor -%}
    {%- do run_script(publish_script(fit, registered)) -%}
    {%- do run_query('commit') -%}
    {%- do run_query('select pg_advisory_unlock(' ~ lock ~ ')') -%}
    {%- for relation, each in fit.items() -%}
        {%- do apply_grants(
            api.Relation.create(
                database=target.database,
                schema=relation.split('.')[0],
                identifier=relation.split('.')[1],
                type='view'
            ),
            each.definition.grants,
            should_revoke=true
        ) -%}
    {%- endfor -%}
    {%- if fit -%}
        {%- do log('Published ' ~ fit.keys() | sort | join(', '), info=True) -%}
    {%- endif -%}
    {{ return({
        'relations': unpublished,
        'is_first': is_first,
        'reason': sentence or 'These did not pass: '
            ~ reasons | map(attribute='name') | sort | join(', ') ~ '.',
    }) }}
{%- endmacro %}


{# By relation, in the order in which they were made. #}
{% macro candidates_of_this_run() -%}
    {%- set candidates = {} -%}
    {%- for row in run_query(
        "select relation, is_live, definition::text, replaces
        from live.candidates
        where invocation_id = " ~ quoted(invocation_id) ~ "
        order by place"
    ).rows -%}
        {%- do candidates.update({row[0]: {
            'relation': row[0],
            'is_live': row[1],
            'definition': fromjson(row[2]),
            'replaces': row[3],
        }}) -%}
    {%- endfor -%}
    {{ return(candidates) }}
{%- endmacro %}


{#
    The candidates that were made beside something that is no longer served, or
    that somebody has taken away.
#}
{% macro overtaken_candidates(candidates, registered, staged) -%}
    {%- set overtaken = staged | reject('in', candidates) | list -%}
    {%- for relation, each in candidates.items() -%}
        {%- if each.is_live -%}
            {%- set now = registered.get(each.definition.model, {})
                .get('fingerprint') -%}
        {%- else -%}
            {%- set now = view_comment(relation) -%}
        {%- endif -%}
        {%- if now != each.replaces
            and now != each.definition.fingerprint -%}
            {%- do overtaken.append(relation) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(overtaken) }}
{%- endmacro %}


{#
    The nodes because of which the candidates are not published. A model that
    could not be built, or that fails its unit test, is a fault of the change as
    a whole. A data test counts if it reads a candidate, and so does whatever
    was skipped: it would have read one.
#}
{% macro reasons_against(results, candidates) -%}
    {%- set changed = [] -%}
    {%- for node in graph.nodes.values()
        if node.schema ~ '.' ~ node.alias in candidates -%}
        {%- do changed.append(node.unique_id) -%}
    {%- endfor -%}
    {%- set reached = with_all_below(changed) -%}
    {%- set reasons = [] -%}
    {%- for result in results
        if result.status in ['error', 'fail', 'skipped'] -%}
        {%- if result.node.unique_id in reached
            or result.node.resource_type != 'test'
            and result.status != 'skipped' -%}
            {%- do reasons.append(result.node) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(reasons) }}
{%- endmacro %}


{# The nodes, and those that read them, directly or not. #}
{% macro with_all_below(unique_ids) -%}
    {%- set children = {} -%}
    {%- for node in graph.nodes.values() -%}
        {%- for parent in node.depends_on.nodes -%}
            {%- do children.setdefault(parent, []).append(node.unique_id) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set reached = unique_ids | list -%}
    {# It grows while it is read. #}
    {%- for each in reached -%}
        {%- do reached.extend(
            children.get(each, []) | reject('in', reached) | list
        ) -%}
    {%- endfor -%}
    {{ return(reached) }}
{%- endmacro %}


{# The candidates that a failed test reads, and those that read them. #}
{% macro unfit_candidates(reasons, candidates) -%}
    {%- set unfit = [] -%}
    {%- for node in reasons -%}
        {%- do unfit.append(node.unique_id) -%}
        {%- if node.resource_type == 'test' -%}
            {%- do unfit.extend(node.depends_on.nodes) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set relations = [] -%}
    {%- for unique_id in with_all_below(unfit) -%}
        {%- set node = graph.nodes.get(unique_id) -%}
        {%- set relation = node.schema ~ '.' ~ node.alias if node else none -%}
        {%- if relation in candidates and relation not in relations -%}
            {%- do relations.append(relation) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(relations) }}
{%- endmacro %}


{#
    Puts candidates in their places, and takes all others away: those of other
    invocations were made beside what is no longer served.

    Where a live model's columns and key are as they were, its table takes the
    rows that differ: no reader waits, and a snapshot from before stays whole.
    Otherwise the candidate's table takes the place of the other one.
#}
{% macro publish_script(fit, registered) -%}
    {%- set live = [] -%}
    {%- set views = [] -%}
    {%- for each in fit.values() -%}
        {%- do (live if each.is_live else views).append(each.definition) -%}
    {%- endfor -%}
    {%- set moved = [] -%}
    {%- set dropping = [] -%}
    {%- for each in live -%}
        {%- set before = registered.get(each.model) -%}
        {%- if before is none or not same_shape(before, each) -%}
            {%- do moved.append(each.model) -%}
        {%- endif -%}
        {%- if drops_views(before, each) -%}
            {%- do dropping.append(each.model) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set renewed = [] -%}
    {%- for each in live
        if moved
        or registered[each.model].fingerprint != each.fingerprint
        or not is_served(each) -%}
        {%- do renewed.append(each) -%}
    {%- endfor -%}
    {%- for each in views if not adds_columns(each) -%}
        {%- do dropping.append(each.view) -%}
    {%- endfor -%}
    {%- set remade = [] -%}
    {%- set locked = renewed | list -%}
    {%- for each in views
        if dropping
        or view_comment(each.schema ~ '.' ~ each.view) != each.fingerprint -%}
        {%- do remade.append(each) -%}
        {%- if kind_of(each.schema ~ '.' ~ each.view) == 'v' -%}
            {%- do locked.append({
                'schema': each.schema, 'model': each.view,
            }) -%}
        {%- endif -%}
    {%- endfor -%}
{{ lock_live() }};
{% for each in live if each.model not in moved %}
{{ take_differing_rows(
    each, stored_table({'model': candidate_name(each.model)})
) }}
{% endfor %}
{%- if locked %}
{{ lock_out_readers(locked) }}
{%- endif %}
{%- for each in live if each.model in moved %}
alter table {{ stored_table({'model': candidate_name(each.model)}) }}
    rename to {{ each.model }}__building;
{%- endfor %}
{%- for each in live if each.model in moved %}
{{ clear_the_name(each) }}
{{ take_place(registered.get(each.model), each, indexed=true) }}
{%- endfor %}
{%- for each in renewed %}
{{ live_views(each) }}
{%- endfor %}
{%- for each in live %}
drop table if exists live.{{ each.model }}__replaced;
{{ register_model(each) }};
{%- endfor %}
{%- for each in remade %}
{{ remake_view(each, is_dropped=dropping | length > 0) }}
{%- endfor %}
{%- for invocation in run_query(
    'select distinct invocation_id from live.candidates'
).columns[0].values() if fit or invocation == invocation_id %}
{{ drop_candidates(invocation, registered) }}
{%- endfor %}
{%- if fit %}
update live.accounts set version = {{ new_version() }};
{%- endif %}
select true
{%- endmacro %}


{# What has the name and is no view goes, or its place could not be taken. #}
{% macro clear_the_name(definition) -%}
    {%- set served = definition.schema ~ '.' ~ definition.model -%}
    {%- if kind_of(served) in ['r', 'p'] %}
drop table {{ served }} cascade;
    {%- elif kind_of(served) == 'm' %}
drop materialized view {{ served }} cascade;
    {%- elif kind_of(served) == 'v' and not is_served(definition) %}
drop view {{ served }} cascade;
    {%- endif %}
{%- endmacro %}


{# Views cannot change their columns but by adding some at the end. #}
{% macro remake_view(definition, is_dropped) -%}
    {%- set view = definition.schema ~ '.' ~ definition.view -%}
    {%- set kind = kind_of(view) -%}
    {%- if kind in ['r', 'p'] %}
drop table {{ view }} cascade;
    {%- elif kind == 'm' %}
drop materialized view {{ view }} cascade;
    {%- elif is_dropped %}
drop view if exists {{ view }} cascade;
    {%- endif %}
create or replace view {{ view }} as (
{{ definition.sql }}
);
comment on view {{ view }} is {{ quoted(definition.fingerprint) }};
select access.serve({{ quoted(view) }});
{%- endmacro %}


{# Whether the candidate has the columns of what is served, and perhaps more. #}
{% macro adds_columns(definition) -%}
    {%- set columns = "
        select array_agg(
            attname || ' ' || format_type(atttypid, atttypmod) order by attnum
        )
        from pg_attribute
        where attnum > 0 and not attisdropped and attrelid = to_regclass('" -%}
    {{ return(run_query(
        "select coalesce(served = candidate[:cardinality(served)], true)
        from (" ~ columns ~ definition.schema ~ '.' ~ definition.view
        ~ "')) as of_served (served), ("
        ~ columns ~ candidates_schema() ~ '.' ~ definition.view
        ~ "')) as of_candidate (candidate)"
    ).rows[0][0]) }}
{%- endmacro %}


{# v is a view, r a table, m a materialized view; none if there is nothing. #}
{% macro kind_of(relation) -%}
    {%- set found = run_query(
        "select relkind::text from pg_class where oid = to_regclass("
        ~ quoted(relation) ~ ")"
    ).columns[0].values() -%}
    {{ return(found[0] if found else none) }}
{%- endmacro %}
