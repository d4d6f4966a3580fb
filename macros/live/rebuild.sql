{#
    Computes the model, and the live models that read it, beside what is stored
    and publishes all of it in one transaction, as one script.

    Where the columns and the key are as they were, the stored table takes only
    the rows that differ: no reader waits, and a snapshot from before stays
    whole. Otherwise the new table takes the old one's place, which readers wait
    for as long as it takes to rename them. Views that people made on the mart
    stay, unless columns were dropped, moved or changed their type.
#}
{% macro rebuild_script(definition, registered) -%}
    {%- set before = registered.get(definition.model) -%}
    {%- set in_place = before is not none
        and same_shape(before, definition) -%}
    {%- set readers = readers_of([definition.model], registered) -%}
    {%- set models = [definition] + readers -%}
    {%- set building = {} -%}
    {%- for each in models -%}
        {%- do building.update({each.model:
            beside(each.model ~ '__building', in_place or not loop.first)
        }) -%}
    {%- endfor -%}
{% for each in models %}
    {%- if not in_place and not loop.first %}
{{ check_reader(definition, each, building) }}
    {%- endif %}
{{ build_beside(each, building) }}
{% endfor %}
{%- for each in models if in_place or each.model != definition.model %}
{{ take_differing_rows(each, building[each.model]) }}
{% endfor %}
    {%- for each in models if is_on_citus()
        and (in_place or each.model != definition.model) %}
drop table {{ building[each.model] }};
    {%- endfor %}
    {%- if not in_place %}
{{ lock_out_readers(models) }}
{{ take_place(before, definition) }}
{%- for each in models %}
{{ live_views(each) }}
{% endfor %}
drop table if exists live.{{ definition.model }}__replaced;
    {%- elif before.fingerprint != definition.fingerprint
        or not is_served(definition) %}
{{ lock_out_readers([definition]) }}
{{ live_views(definition) }}
    {%- endif %}
{% for each in models %}
{{ register_model(each) }};
{% endfor %}
update live.accounts set version = {{ new_version() }}
{%- endmacro %}


{#
    The name of a table beside what is stored, for the transaction that makes
    it: a temporary one, which on Citus would lie on the coordinator alone.
#}
{% macro beside(name, is_temporary=true) -%}
    {{ return(
        ('pg_temp.' if is_temporary and not is_on_citus() else 'live.') ~ name
    ) }}
{%- endmacro %}


{#
    An empty table for what the model gives. On Citus it is spread, and so it
    has all that belongs to it.
#}
{% macro create_beside(definition, name) -%}
    {%- set temporary = name.startswith('pg_temp.') -%}
    {%- set on_citus = is_on_citus() -%}
create {{ 'temporary ' if temporary }}table {{ name }} (
    {%- for column in definition.columns %}
    {{ column.name }} {{ column.type }}{{ ' not null' if column.not_null }}
        {{- ',' if on_citus or not loop.last }}
    {%- endfor %}
    {%- if on_citus %}
    primary key ({{ definition.key | join(', ') }})
    {%- endif %}
){{ ' on commit drop' if temporary }};
    {%- if on_citus %}
    {%- for index in definition.indexes %}
create index on {{ name }} ({{ index.columns | join(', ') }});
    {%- endfor %}
select access.serve({{ quoted(name) }});
{{ distribute(name) }}
    {%- endif %}
{%- endmacro %}


{# The whole model as a table beside what is stored. #}
{% macro build_beside(definition, building) -%}
    {%- set beside = building[definition.model] -%}
{{ create_beside(definition, beside) }}
insert into {{ beside }} ({{ column_list(definition) }})
select {{ column_list(definition) }}
from (
{{ sql_over(definition, '__stored', building) }}
) as rebuilt
where {{ counts_something(definition) }}
-- Rows that are read together lie together.
order by {{ definition.key | join(', ') }};
{%- if not is_on_citus() %}
alter table {{ beside }} add primary key ({{ definition.key | join(', ') }});
{%- endif %}
analyze {{ beside }};
{%- endmacro %}


{#
    Says what is the matter where a model that reads this one needs a column
    that it has no more. The reader is computed as it was last built: what it
    becomes is known at its own turn.
#}
{% macro check_reader(definition, reader, building) -%}
do $check$
begin
    perform
    from (
{{ sql_over(reader, '__stored', building) }}
    ) as reader
    limit 0;
exception when undefined_column then
    raise exception 'The live model {{ definition.model }} cannot lose yet what '
        '{{ reader.model }} reads, as it was last built: %. Build it with the '
        'column, its readers without, and then it without.', sqlerrm;
end
$check$;
{%- endmacro %}


{#
    Waits until nobody reads the models' views or what is stored under them, and
    keeps readers waiting from then on. It asks for all of the locks at once and
    for a moment only, and gives those back that it got: whoever waits for a
    reader while others wait for him stops them all, or is in a deadlock with
    them. After ten minutes it gives up. "reset" because a view takes it, and
    because to `lock table` a view would lock raw as well.
#}
{% macro lock_out_readers(models) -%}
do $lock$
declare
    patience constant text := current_setting('lock_timeout');
    deadline constant timestamptz := clock_timestamp() + interval '10 minutes';
begin
    loop
        begin
            set local lock_timeout = '100ms';
            {%- for each in models | reverse %}
            {%- for view in [
                each.schema ~ '.' ~ model_of(each.model),
                'live.' ~ each.model ~ '__difference',
                'live.' ~ each.model ~ '__pending',
                'live.' ~ each.model ~ '__recomputed',
                'live.' ~ each.model ~ '__resummed',
            ] %}
            alter view if exists {{ view }} reset (security_barrier);
            {%- endfor %}
            {%- set stored = 'live.' ~ each.model ~ '__stored' %}
            if to_regclass({{ quoted(stored) }}) is not null then
                lock table {{ stored }};
            end if;
            {%- endfor %}
            perform set_config('lock_timeout', patience, true);
            return;
        exception when lock_not_available or deadlock_detected then
            if clock_timestamp() > deadline then
                raise exception 'A transaction that has read these figures '
                    'stays open: their definition cannot change meanwhile.';
            end if;
            perform pg_sleep(0.1);
        end;
    end loop;
end
$lock$;
{%- endmacro %}


{% macro same_shape(before, after) -%}
    {%- set of_before = [before.columns, before.key, before.indexes] -%}
    {%- set of_after = [after.columns, after.key, after.indexes] -%}
    {{ return(tojson(of_before, sort_keys=True)
        == tojson(of_after, sort_keys=True)) }}
{%- endmacro %}


{# The live models that read any of these, directly or not, in their order. #}
{% macro readers_of(names, registered) -%}
    {%- set found = [] -%}
    {%- set reached = names | list -%}
    {%- for each in registered.values() -%}
        {%- if each.model not in reached
            and each.reads | select('in', reached) | list -%}
            {%- do reached.append(each.model) -%}
            {%- do found.append(each) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{#
    Makes the stored table equal to the one beside it, of one account if given.
#}
{% macro take_differing_rows(definition, beside, account_id=none) -%}
    {%- set stored = 'live.' ~ definition.model ~ '__stored' -%}
delete from {{ stored }} as stored
where
    {{ of_account(account_id) }}
    and not exists (
        select 1
        from {{ beside }} as beside
        where
            {{ same_key(definition, 'stored', 'beside') }}
            and {{ same_row(definition) }}
    );
insert into {{ stored }} ({{ column_list(definition) }})
select {{ column_list(definition) }}
from {{ beside }} as beside
where not exists (
    select 1
    from {{ stored }} as stored
    where {{ same_key(definition, 'stored', 'beside') }}
);
{%- endmacro %}


{#
    A row named beside and one named stored are the same. A whole row is of the
    type of its table, and on Citus of a part of it: there column by column.
#}
{% macro same_row(definition) -%}
    {%- if not is_on_citus() -%}
        {{ return('(beside.*)::record = (stored.*)::record') }}
    {%- endif -%}
    {%- set rows = {'beside': [], 'stored': []} -%}
    {%- for row, columns in rows.items() -%}
        {%- for column in definition.columns -%}
            {%- do columns.append(row ~ '.' ~ column.name) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return('(' ~ rows.beside | join(', ') ~ ') is not distinct from ('
        ~ rows.stored | join(', ') ~ ')') }}
{%- endmacro %}


{# Puts the table that was built beside the stored one in its place. #}
{% macro take_place(before, after, indexed=false) -%}
    {%- set stored = 'live.' ~ after.model ~ '__stored' -%}
    {%- if before is not none and not drops_views(before, after) %}
alter table {{ stored }} rename to {{ after.model }}__replaced;
    {%- elif before is not none %}
drop view if exists {{ after.schema }}.{{ after.model }} cascade;
drop view if exists live.{{ after.model }}__difference cascade;
drop view if exists live.{{ after.model }}__pending cascade;
drop view if exists live.{{ after.model }}__recomputed cascade;
drop view if exists live.{{ after.model }}__resummed cascade;
drop table {{ stored }} cascade;
    {%- endif %}
alter table live.{{ after.model }}__building
    rename to {{ after.model }}__stored;
    {%- for index in after.indexes if not indexed and not is_on_citus() %}
create index on {{ stored }} ({{ index.columns | join(', ') }});
    {%- endfor %}
select access.serve({{ quoted(stored) }});
{%- endmacro %}


{# Views cannot change their columns but by adding some at the end. #}
{% macro drops_views(before, after) -%}
    {{ return(before is not none
        and not same_shape(before, after)
        and not begins_with_columns(before, after)) }}
{%- endmacro %}


{# The columns are the former ones, and perhaps more after them. #}
{% macro begins_with_columns(before, after) -%}
    {%- set same = [] -%}
    {%- for column in before.columns -%}
        {%- set other = after.columns[loop.index0] -%}
        {%- if other and other.name == column.name
            and other.type == column.type -%}
            {%- do same.append(column.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(same | length == before.columns | length) }}
{%- endmacro %}
