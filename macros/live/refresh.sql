{#
    Brings what is stored up to date with the change log, in one transaction:
    readers see all of it or nothing, and a run that is killed leaves no trace.
    Runs at the start and at the end of `dbt run` and `dbt build`, and by
    itself with `dbt run-operation refresh`.

    It first notes the log rows that it sees. Everything that it reads from raw
    is read after that, so it holds what those rows stand for; what was written
    even later has log rows of its own, which stay. In the end exactly the rows
    that were noted go.

    Nothing is touched of an account of which none was noted: it keeps its
    version, by which readers know that what is stored stayed as it was.
#}
{% macro refresh() -%}
    {%- if execute and flags.WHICH in ['run', 'build', 'run-operation'] -%}
        {%- do create_live_schema() -%}
        {%- set due = run_query(
            "select
                exists (select 1 from live.models)
                and exists (select 1 from raw.changes)"
        ).columns[0].values()[0] -%}
        {%- if due -%}
            {%- set done = run_live_script(refresh_script, run=run_query) -%}
            {%- if done -%}
                {%- do log('Refreshed ' ~ done.rows[0][0] ~ ' changes of '
                    ~ done.rows[0][1] ~ ' accounts', info=True) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{% macro refresh_script(models) -%}
    {%- set on_citus = is_on_citus() -%}
{{ lock_live() }};
create temporary table claimed_changes on commit drop as
select account_id, change_id, session_id, received_at
from raw.changes;
analyze claimed_changes;
{%- if on_citus %}

-- For a row of the coordinator nothing can be looked up on the nodes.
create temporary table large_accounts on commit drop as
select account_id, count(*) / 4 as quarter
from raw.sessions
where account_id = any(array(
    select account_id
    from claimed_changes
    group by account_id
    having count(distinct session_id) > 10000
))
group by account_id;
{%- endif %}

-- Of which accounts so much has changed that all of it is computed: by the
-- session that takes several times as long.
create temporary table whole_accounts on commit drop as
select named.account_id
from (
    select
        account_id,
        bool_or(session_id is null) as is_all,
        count(distinct session_id) as sessions
    from claimed_changes
    group by account_id
) as named
where
    named.is_all
    or (
        named.sessions > 10000
        and named.sessions > (
            {%- if on_citus %}
            select large_accounts.quarter
            from large_accounts
            where large_accounts.account_id = named.account_id
            {%- else %}
            select count(*) / 4
            from raw.sessions
            where sessions.account_id = named.account_id
            {%- endif %}
        )
    );
analyze whole_accounts;
{% for each in models %}
    {%- if each.reads %}
{{ claim_sums(each) }}
    {%- else %}
{{ claim_contributions(each) }}
    {%- endif %}
{% endfor %}
{%- for each in models %}
    {%- if each.reads %}
{{ add_sums(each) }}
    {%- else %}
{{ replace_contributions(each) }}
    {%- endif %}
{% endfor %}
insert into live.accounts as known (account_id, version, data_through)
select account_id, gen_random_uuid(), max(received_at)
from claimed_changes
group by account_id
on conflict (account_id) do update set
    version = excluded.version,
    data_through = greatest(known.data_through, excluded.data_through);
insert into live.refreshes as known (refresh, refreshed_at)
values ('last', clock_timestamp())
on conflict (refresh) do update set refreshed_at = excluded.refreshed_at;
delete from raw.changes
using claimed_changes
where
    changes.account_id = claimed_changes.account_id
    and changes.change_id = claimed_changes.change_id;
select count(*) as changes, count(distinct account_id) as accounts
from claimed_changes
{%- endmacro %}


{#
    The rows that the pending sessions have now and did not have (sign 1), and
    the other way round (sign -1): what stayed the same is in neither.
#}
{% macro claim_contributions(definition) -%}
create temporary table {{ definition.model }}__claimed on commit drop as
select {{ column_list(definition, '(sign * {})::{type} as {}') }}, sign
from (
    select {{ column_list(definition) }}, sum(sign)::integer as sign
    from (
        select {{ column_list(definition) }}, 1 as sign
        from live.{{ definition.model }}__pending
        where
            account_id = any({{ claimed_accounts() }})
            and account_id not in (select account_id from whole_accounts)
        union all
        select {{ column_list(definition) }}, 1 as sign
        from live.{{ definition.model }}__recomputed
        where account_id in (select account_id from whole_accounts)
        union all
        select {{ of_pending(definition, 'stored', 'stored.{}') }}, -1 as sign
        from {{ stored_of_pending(definition) }}
        where
            pending.account_id = any({{ claimed_accounts() }})
            and pending.account_id not in (select account_id from whole_accounts)
        union all
        select {{ column_list(definition) }}, -1 as sign
        from live.{{ definition.model }}__stored
        where account_id in (select account_id from whole_accounts)
    ) as signed
    group by {{ column_list(definition) }}
    having sum(sign) <> 0
) as differing;
analyze {{ definition.model }}__claimed;
{%- endmacro %}


{# An array: whoever reads a view by it gets to the change log by an index. #}
{% macro claimed_accounts() -%}
    {{ return('array(select distinct account_id from claimed_changes)') }}
{%- endmacro %}


{% macro replace_contributions(definition) -%}
delete from live.{{ definition.model }}__stored as stored
using {{ definition.model }}__claimed as claimed
where claimed.sign = -1 and {{ same_key(definition, 'stored', 'claimed') }};
insert into live.{{ definition.model }}__stored ({{ column_list(definition) }})
select {{ column_list(definition) }}
from {{ definition.model }}__claimed
where sign = 1;
{%- endmacro %}


{% macro claim_sums(definition) -%}
create temporary table {{ definition.model }}__claimed on commit drop as
select {{ column_list(definition) }}
from (
{{ sql_over(definition, '__claimed') | replace('live.', 'pg_temp.') }}
) as difference
where {{ counts_something(definition) }};
analyze {{ definition.model }}__claimed;
{%- endmacro %}


{# A row that counts nothing any more goes. #}
{% macro add_sums(definition) -%}
insert into live.{{ definition.model }}__stored as stored (
    {{- column_list(definition) }})
select {{ column_list(definition) }}
from {{ definition.model }}__claimed
on conflict ({{ definition.key | join(', ') }}) do update set
    {%- for name in definition.measures %}
    {{ name }} = stored.{{ name }} + excluded.{{ name }}
        {{- ',' if not loop.last }}
    {%- endfor %};
delete from live.{{ definition.model }}__stored as stored
using {{ definition.model }}__claimed as claimed
where
    {{ same_key(definition, 'stored', 'claimed') }}
    and not {{ counts_something(definition, 'stored.{}') }};
{%- endmacro %}
