{#
    The views of a live model, as statements. Whatever reads them keeps working
    while columns are only added at the end: then they are replaced in place.
    Each reads with its reader's own eyes: row-level security is the reader's.
#}
{% macro live_views(definition) -%}
    {%- set columns = column_list(definition) -%}
    {%- set stored = 'live.' ~ definition.model ~ '__stored' -%}
    {%- set pending = 'live.' ~ definition.model ~ '__pending' -%}
    {%- set difference = 'live.' ~ definition.model ~ '__difference' -%}
    {%- set served = definition.schema ~ '.' ~ model_of(definition.model) -%}
{%- if definition.reads %}
create or replace view {{ difference }}
with (security_invoker = true) as
select {{ column_list(definition, '{}::{type} as {}') }}
from (
{{ sql_over(definition, '__difference') }}
) as difference;

create or replace view live.{{ definition.model }}__recomputed
with (security_invoker = true) as
select {{ columns }}
from (
{{ sql_over(definition, '__recomputed') }}
) as recomputed
where {{ counts_something(definition) }};

create or replace view live.{{ definition.model }}__resummed
with (security_invoker = true) as
select {{ columns }}
from (
{{ sql_over(definition, '__stored') }}
) as resummed
where {{ counts_something(definition) }};

create or replace view {{ served }}
with (security_invoker = true) as
select {{ column_list(definition, 'sum({})::{type} as {}') }}
from (
    select {{ columns }}
    from {{ stored }}
    union all
    select {{ columns }}
    from {{ difference }}
) as corrected
group by {{ definition.key | join(', ') }}
having {{ counts_something(definition, 'sum({})') }};
{%- else %}
create or replace view {{ pending }}
with (security_invoker = true) as
select {{ of_pending(definition, 'contributions', 'contributions.{}') }}
from live.pending_sessions as pending
cross join lateral (
{{ sql_over_pending(definition) }}
) as contributions
where {{ counts_something(definition, 'contributions.{}') }};

create or replace view {{ difference }}
with (security_invoker = true) as
select {{ columns }}
from {{ pending }}
union all
select {{ of_pending(definition, 'stored', '- stored.{} as {}') }}
from {{ stored_of_pending(definition) }};

create or replace view live.{{ definition.model }}__recomputed
with (security_invoker = true) as
select {{ columns }}
from (
{{ definition.sql }}
) as recomputed
where {{ counts_something(definition) }};

create or replace view {{ served }}
with (security_invoker = true) as
select {{ columns }}
from {{ stored }} as stored
where
    not exists (
        select 1
        from live.pending_sessions
        where
            pending_sessions.account_id = stored.account_id
            and pending_sessions.session_id = stored.session_id
    )
union all
select {{ columns }}
from {{ pending }};
{%- endif %}
comment on view {{ served }} is {{ quoted(live_comment(definition)) }};
{%- for view in (
    [difference, 'live.' ~ definition.model ~ '__resummed'] if definition.reads
    else [pending, difference]
) + ['live.' ~ definition.model ~ '__recomputed', served] %}
select access.serve({{ quoted(view) }});
{%- endfor %}
{%- endmacro %}


{#
    The definition's columns, account and session as those of the pending
    session: what is asked of them then reaches the change log.
#}
{% macro of_pending(definition, source, measure) -%}
    {%- set rendered = [] -%}
    {%- for column in definition.columns -%}
        {%- if column.name in ['account_id', 'session_id'] -%}
            {%- do rendered.append('pending.' ~ column.name) -%}
        {%- elif column.name in definition.measures -%}
            {%- do rendered.append(measure | replace('{}', column.name)) -%}
        {%- else -%}
            {%- do rendered.append(source ~ '.' ~ column.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(rendered | join(', ')) }}
{%- endmacro %}


{#
    What is stored of the pending sessions, in a row named stored beside that
    of the session, named pending. A look-up each: "offset 0" keeps the planner
    from reading all of an account instead when it expects many.
#}
{% macro stored_of_pending(definition) -%}
live.pending_sessions as pending
cross join lateral (
    select *
    from live.{{ definition.model }}__stored as of_session
    where
        of_session.account_id = pending.account_id
        and of_session.session_id = pending.session_id
    {{ 'offset 0' if not is_on_citus() }}
) as stored
{%- endmacro %}


{% macro live_comment(definition) -%}
    {{ return('Exact at every moment: live.' ~ definition.model
        ~ '__stored, corrected by what is pending.') }}
{%- endmacro %}


{% macro quoted(text) -%}
    {{ return("'" ~ text | replace("'", "''") ~ "'") }}
{%- endmacro %}
