{#
    `dbt build` publishes only what passed. A model that changed becomes a
    candidate first: it stands beside what is served, in a schema of this
    invocation's, and the models and the data tests that run after it read it
    there. At the end of the run all candidates take their places, or none
    does; see publishing.sql.

    The candidate of a live model is a live model itself, by another name: every
    refresh keeps it up to date, so what is tested is exact, and the tables that
    were tested are those that are served in the end.

    live.candidates has what is not published yet. An invocation that was killed
    leaves its candidates behind, and the next one clears them away.

    `dbt run` has no tests: it publishes at once; see rebuild.sql.
#}


{# Whether what changed is tested before it is served. #}
{% macro is_tested_first() -%}
    {{ return(flags.WHICH == 'build') }}
{%- endmacro %}


{# Where this invocation's candidates are, under their models' names. #}
{% macro candidates_schema(invocation=invocation_id) -%}
    {{ return('candidates_' ~ invocation[:6]) }}
{%- endmacro %}


{# The name in schema live of this invocation's candidate of a live model. #}
{% macro candidate_name(name, invocation=invocation_id) -%}
    {{ return(name ~ '__c_' ~ invocation[:6]) }}
{%- endmacro %}


{# The model that a live model by this name is a candidate of, or is. #}
{% macro model_of(name) -%}
    {{ return(modules.re.sub('__c_[0-9a-f]{6}$', '', name)) }}
{%- endmacro %}


{# The name in schema live of the live model that is read by this relation. #}
{% macro live_name(relation) -%}
    {{ return(
        candidate_name(relation.identifier)
        if relation.schema == candidates_schema() else relation.identifier
    ) }}
{%- endmacro %}


{#
    The relation's candidate, if this invocation has made one; else itself.

    The session says whose it is: so others see whether this invocation lives.
#}
{% macro candidate_or_itself(relation) -%}
    {%- set candidate = api.Relation.create(
        database=relation.database,
        schema=candidates_schema(),
        identifier=relation.identifier,
        type='view'
    ) -%}
    {%- set found = run_query(
        "select
            exists (
                select
                from live.candidates
                where
                    invocation_id = " ~ quoted(invocation_id) ~ "
                    and relation = "
        ~ quoted(relation.schema ~ '.' ~ relation.identifier) ~ "
            ),
            set_config(
                'application_name', " ~ quoted(session_name()) ~ ", false
            )"
    ) -%}
    {{ return(candidate if found.rows[0][0] else relation) }}
{%- endmacro %}


{% macro session_name(invocation=invocation_id) -%}
    {{ return('dbt ' ~ invocation) }}
{%- endmacro %}


{#
    SQL with the names that its candidates get. What is compared and kept of a
    model is the same whether what it reads is published already or not.
#}
{% macro with_served_names(sql) -%}
    {%- set rendered = {'sql': sql} -%}
    {%- for parent_id in model.depends_on.nodes -%}
        {%- set parent = graph.nodes.get(parent_id) -%}
        {%- if parent is not none and parent.resource_type == 'model' -%}
            {%- do rendered.update({'sql': rendered.sql | replace(
                '"' ~ candidates_schema() ~ '"."' ~ parent.alias ~ '"',
                '"' ~ parent.schema ~ '"."' ~ parent.alias ~ '"'
            )}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(rendered.sql) }}
{%- endmacro %}


{# What the registry keeps of this invocation's candidate of a live model. #}
{% macro candidate_of(definition, staged) -%}
    {%- set reads = [] -%}
    {%- for name in definition.reads -%}
        {%- do reads.append(
            candidate_name(name) if name in staged else name
        ) -%}
    {%- endfor -%}
    {%- set candidate = {} -%}
    {%- do candidate.update(definition) -%}
    {%- do candidate.update({
        'model': candidate_name(definition.model),
        'schema': candidates_schema(),
        'reads': reads,
    }) -%}
    {{ return(candidate) }}
{%- endmacro %}


{# The definitions of this invocation's candidates, as they will be served. #}
{% macro staged_models(registered) -%}
    {%- set staged = {} -%}
    {%- for name, definition in registered.items()
        if definition.schema == candidates_schema() -%}
        {%- do staged.update({model_of(name): definition}) -%}
    {%- endfor -%}
    {{ return(staged) }}
{%- endmacro %}


{#
    Makes a candidate of the live model, and of those that read it: they are
    computed over it as they were last built, until it is their turn.
#}
{% macro stage_script(definition, registered) -%}
    {%- set served = [] -%}
    {%- for each in registered.values()
        if model_of(each.model) == each.model -%}
        {%- do served.append(each) -%}
    {%- endfor -%}
    {%- set served_by_name = {} -%}
    {%- for each in served -%}
        {%- do served_by_name.update({each.model: each}) -%}
    {%- endfor -%}
    {%- set staged = staged_models(registered) -%}
    {%- set definitions = [definition] -%}
    {# A reader that has a candidate is made anew, as that one is. #}
    {%- for each in readers_of([definition.model], served_by_name) -%}
        {%- set known = staged.get(each.model) -%}
        {%- do definitions.append(as_served(known, each) if known else each) -%}
    {%- endfor -%}
    {%- set names = staged.keys() | list -%}
    {%- for each in definitions -%}
        {%- do names.append(each.model) -%}
    {%- endfor -%}
{{ open_candidates() }}
{% for each in definitions %}
    {%- set candidate = candidate_of(each, names) %}
{{ drop_live_model(candidate) }}
    {%- if not loop.first %}
{{ check_reader(definition, candidate, {}) }}
    {%- endif %}
{{ build_beside(candidate, {candidate.model: stored_table(candidate)}) }}
    {%- for index in candidate.indexes if not is_on_citus() %}
create index on {{ stored_table(candidate) }} (
    {{- index.columns | join(', ') }});
    {%- endfor %}
select access.serve({{ quoted(stored_table(candidate)) }});
{{ live_views(candidate) }}
{{ register_model(candidate) }};
{{ note_candidate(
    each.schema ~ '.' ~ each.model,
    true,
    each,
    served_by_name.get(each.model, {}).get('fingerprint')
) }};
{% endfor %}
{%- endmacro %}


{# A candidate's definition with the names that it gets when it is served. #}
{% macro as_served(candidate, served) -%}
    {%- set reads = [] -%}
    {%- for name in candidate.reads -%}
        {%- do reads.append(model_of(name)) -%}
    {%- endfor -%}
    {%- set definition = {} -%}
    {%- do definition.update(candidate) -%}
    {%- do definition.update({
        'model': served.model, 'schema': served.schema, 'reads': reads,
    }) -%}
    {{ return(definition) }}
{%- endmacro %}


{% macro stored_table(definition) -%}
    {{ return('live.' ~ definition.model ~ '__stored') }}
{%- endmacro %}


{% macro open_candidates() -%}
create schema if not exists {{ candidates_schema() }};
select set_config('application_name', {{ quoted(session_name()) }}, false);
{%- endmacro %}


{# `replaces` stays what it was when the candidate was first made. #}
{% macro note_candidate(relation, is_live, definition, replaces) -%}
insert into live.candidates as known (
    invocation_id, relation, place, is_live, definition, replaces
)
select
    {{ quoted(invocation_id) }},
    {{ quoted(relation) }},
    coalesce(max(place), 0) + 1,
    {{ is_live }},
    $definition${{ tojson(definition) }}$definition$::jsonb,
    {{ quoted(replaces) if replaces else 'null' }}
from live.candidates
on conflict (invocation_id, relation) do update set
    place = excluded.place,
    definition = excluded.definition
{%- endmacro %}


{# Makes a candidate of a view. `sql` may name candidates. #}
{% macro stage_view_script(definition, sql, replaces) -%}
    {%- set candidate = candidates_schema() ~ '.' ~ this.identifier -%}
{{ open_candidates() }}
drop view if exists {{ candidate }} cascade;
create view {{ candidate }} as (
{{ without_database(sql) }}
);
select access.serve({{ quoted(candidate) }});
{{ note_candidate(
    definition.schema ~ '.' ~ definition.view, false, definition, replaces
) }}
{%- endmacro %}


{% macro view_definition(sql) -%}
    {{ return({
        'schema': this.schema,
        'view': this.identifier,
        'sql': without_database(sql),
        'fingerprint': view_fingerprint(sql),
        'grants': config.get('grants') or {},
    }) }}
{%- endmacro %}


{% macro drop_live_model(definition) -%}
drop view if exists live.{{ definition.model }}__recomputed cascade;
drop view if exists live.{{ definition.model }}__resummed cascade;
drop view if exists live.{{ definition.model }}__pending cascade;
drop view if exists live.{{ definition.model }}__difference cascade;
drop view if exists {{ definition.schema }}.
    {{- model_of(definition.model) }} cascade;
drop table if exists {{ stored_table(definition) }} cascade;
{%- endmacro %}


{# Takes an invocation's candidates away. #}
{% macro drop_candidates(invocation, registered) -%}
    {%- for each in registered.values()
        if each.schema == candidates_schema(invocation) %}
{{ drop_live_model(each) }}
delete from live.models where model = {{ quoted(each.model) }};
    {%- endfor %}
drop schema if exists {{ candidates_schema(invocation) }} cascade;
delete from live.candidates where invocation_id = {{ quoted(invocation) }};
{%- endmacro %}


{#
    Clears away what killed invocations have left. One lives as long as it has
    a session; between two models it has none for a moment, so this looks for
    some seconds.
#}
{% macro clear_left_candidates() -%}
    {%- if execute and flags.WHICH in ['run', 'build'] -%}
        {%- set left = run_query(
            'select distinct invocation_id from live.candidates'
        ).columns[0].values() -%}
        {%- for invocation in left if is_dead(invocation) -%}
            {%- do run_live_script(clear_script, (invocation,)) -%}
            {%- do log('Cleared away what the killed run ' ~ invocation
                ~ ' had not published', info=True) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{% macro clear_script(models, invocation) -%}
    {%- set registered = {} -%}
    {%- for each in models -%}
        {%- do registered.update({each.model: each}) -%}
    {%- endfor -%}
{{ lock_live() }};
{{ drop_candidates(invocation, registered) }}
{%- endmacro %}


{% macro is_dead(invocation) -%}
    {%- set looks = [] -%}
    {%- for look in range(10) if not looks -%}
        {%- set is_alive = run_query(
            "select
                pg_stat_clear_snapshot(),
                exists (
                    select
                    from pg_stat_activity
                    where application_name = "
            ~ quoted(session_name(invocation)) ~ "),
                pg_sleep(0.5)"
        ).rows[0][1] -%}
        {%- if is_alive -%}
            {%- do looks.append(look) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(not looks) }}
{%- endmacro %}
