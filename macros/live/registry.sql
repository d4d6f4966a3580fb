{#
    The registry: what each live model was when it was last built. The refresh
    works by it alone, so it takes the definitions that are served, whatever
    the project says by now and whichever part of it is being built.
#}


{#
    Makes schema live, where nobody but these macros writes, or brings it up to
    date where another script than this one made it: its comment says which.

    The script commits, so it may run again only where no transaction is open:
    `is_locked` says that one may be, and that there being a schema will do.
#}
{% macro create_live_schema(is_locked=false) -%}
    {%- do take_role() -%}
    {%- set found = run_query(
        "select
            to_regclass('raw.changes') is not null
                and to_regnamespace('access') is not null as raw,
            to_regclass('live.models') is not null as live,
            obj_description(
                to_regnamespace('live'), 'pg_namespace'
            ) as comment,
            exists (
                select from pg_extension where extname = 'citus'
            ) as on_citus"
    ).rows[0] -%}
    {%- set script = live_schema_script(found['on_citus']) -%}
    {%- set comment = 'What dbt keeps of the live models; made by script '
        ~ local_md5(script) -%}
    {%- if not found['raw'] -%}
        {{ exceptions.raise_compiler_error(
            'The database is not migrated: run `upshot migrate`.'
        ) }}
    {%- elif not found['live'] or not (found['comment'] == comment or is_locked) -%}
        {%- do run_script(
            script ~ ';\ncomment on schema live is ' ~ quoted(comment)
            ~ ';\ncommit'
        ) -%}
    {%- endif -%}
{%- endmacro %}


{#
    Each statement leaves alone what is as it should be: a table gets a column
    more by `alter table … add column if not exists`, a view by being replaced,
    at its end. Nothing that is read is ever dropped.
#}
{% macro live_schema_script(on_citus) -%}
{{ lock_live() }};

create schema if not exists live;
select access.open_schema('live');

-- One row per live model. definition: what live_definition() says of it.
-- depth: 0 reads staging, any other one more than the deepest that it reads.
-- rebuilt_by: the dbt invocation that last computed all of it.
create table if not exists live.models (
    model text primary key,
    depth integer not null,
    definition jsonb not null,
    fingerprint text not null,
    rebuilt_by text not null
);

-- One row per account that a refresh has seen. version: another one whenever
-- anything that is stored of the account may have changed; an answer that was
-- computed from it with nothing pending stays true until then.
create table if not exists live.accounts (
    account_id uuid primary key,
    version uuid not null,
    data_through timestamptz not null
);

-- What the figures are that are quotients of sums, as in
-- figure_definitions().
create table if not exists live.figures (
    name text primary key,
    definition jsonb not null
);

-- One row per model that asks to be served: what its YAML says, as built.
-- stays_for: how long an answer stays true while the account does not change:
-- the day or the minute; null for no time.
create table if not exists live.served (
    model text primary key,
    definition jsonb not null,
    stays_for text
);

-- One row per data test that has run and is still in the project; see
-- publish_checks().
-- model: the name of what is tested; null for a test of several.
-- status: pass, warn, fail, or error, when it could not run.
-- failures: how many rows it found; null when it could not run.
-- failing_since: when it was first seen to fail or not to run; null if it was
-- not the last time.
create table if not exists live.checks (
    name text primary key,
    model text,
    status text not null,
    failures bigint,
    checked_at timestamptz not null,
    failing_since timestamptz
);

-- When a refresh last took something in: one row.
create table if not exists live.refreshes (
    refresh text primary key check (refresh = 'last'),
    refreshed_at timestamptz not null
);

-- What `dbt build` has made and not published yet: one row per model, beside
-- what is served of it; see candidates.sql.
-- relation: the name that it gets. place: in which order.
-- definition: of a live model, what live_definition() says of it; of a view,
-- what view_definition() does.
-- replaces: the fingerprint of what was there; null for nothing.
create table if not exists live.candidates (
    invocation_id text not null,
    relation text not null,
    place integer not null,
    is_live boolean not null,
    definition jsonb not null,
    replaces text,
    primary key (invocation_id, relation)
);
-- They share a schema, so no two may have a name.
create unique index if not exists candidates_by_name
on live.candidates (invocation_id, (split_part(relation, '.', 2)));
select access.serve('live.accounts');
{%- if on_citus %}
{{ distribute('live.accounts') }}
{%- endif %}
select access.serve('live.refreshes');
select access.serve('live.figures');
select access.serve('live.served');
select access.serve('live.checks');

{{ lock_out_readers([{'schema': 'live', 'model': 'pending_sessions'}]) }}

-- The pending sessions: what the change log names and no refresh has taken.
-- An account without a session (null) stands for all that it has.
create or replace view live.pending_sessions with (security_invoker = true) as
select
    changes.account_id,
    changes.session_id
from raw.changes
where changes.session_id is not null
union
select
    changes.account_id,
    sessions.session_id
from raw.changes
-- "offset 0": looked for where there is such a change, and nowhere else. The
-- planner would read all sessions of all accounts to find that there is none.
cross join lateral (
    select all_of_account.session_id
    from raw.sessions as all_of_account
    where
        changes.account_id = all_of_account.account_id
        -- Said twice, or every read would make room for all of an account.
        and changes.account_id::text = all_of_account.account_id::text
    {{ 'offset 0' if not on_citus }}
) as sessions
where changes.session_id is null;

select access.serve('live.pending_sessions')
{%- endmacro %}


{# The registered definitions by name, those first that others read. #}
{% macro registered_models() -%}
    {%- do create_live_schema(is_locked=true) -%}
    {%- set models = {} -%}
    {%- for row in run_query(
        "select model, definition::text, fingerprint, rebuilt_by
        from live.models
        order by depth, model"
    ).rows -%}
        {%- set definition = fromjson(row[1]) -%}
        {%- do definition.update({
            'fingerprint': row[2], 'rebuilt_by': row[3],
        }) -%}
        {%- do models.update({row[0]: definition}) -%}
    {%- endfor -%}
    {{ return(models) }}
{%- endmacro %}


{# One refresh or rebuild at a time, whoever starts it: until the commit. #}
{% macro lock_live() -%}
select pg_advisory_xact_lock(hashtextextended('upshot refresh', 0))
{%- endmacro %}


{#
    Runs a script that `rendering` makes of the registered definitions, as one
    transaction, and returns what its last statement gives; none if there are
    no live models. The definitions are read under the lock, or a rebuild could
    change them while the script waits for it. The lock is the connection's
    until then, as dbt ends transactions as it likes. A script that defines
    nothing but temporary tables is run by run_query: as one command anywhere.
#}
{% macro run_live_script(rendering, arguments=(), run=run_script) -%}
    {%- set lock = "hashtextextended('upshot refresh', 0)" -%}
    {%- do run_query('select pg_advisory_lock(' ~ lock ~ ')') -%}
    {%- set models = registered_models().values() | list -%}
    {%- set done = [] -%}
    {%- if models -%}
        {%- do done.append(run(rendering(models, *arguments))) -%}
        {%- do run_query('commit') -%}
    {%- endif -%}
    {%- do run_query('select pg_advisory_unlock(' ~ lock ~ ')') -%}
    {{ return(done[0] if done else none) }}
{%- endmacro %}


{% macro register_model(definition) -%}
insert into live.models as known (
    model, depth, definition, fingerprint, rebuilt_by
)
select
    '{{ definition.model }}',
    coalesce((
        select max(upstream.depth) + 1
        from live.models as upstream
        where upstream.model = any(array[
            {%- for name in definition.reads -%}
                '{{ name }}'{{ ', ' if not loop.last }}
            {%- endfor -%}
        ]::text[])
    ), 0),
    $definition${{ tojson(definition) }}$definition$::jsonb,
    '{{ definition.fingerprint }}',
    '{{ invocation_id }}'
on conflict (model) do update set
    depth = excluded.depth,
    definition = excluded.definition,
    fingerprint = excluded.fingerprint,
    rebuilt_by = excluded.rebuilt_by
{%- endmacro %}
