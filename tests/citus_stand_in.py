"""As much of Citus as Upshot meets, on one PostgreSQL: it notes what is asked of it.

The tables stay where they are, so what is asked for can be answered and compared. What Citus
refuses of a definition is refused as well: see the messages.
"""

from typing import Any, LiteralString

import psycopg

STAND_IN: LiteralString = r"""
set allow_system_table_mods = on;
insert into pg_extension
    (oid, extname, extowner, extnamespace, extrelocatable, extversion)
values (99999, 'citus', 10, 'public'::regnamespace, false, '13.2');
reset allow_system_table_mods;

create table pg_dist_partition (
    logicalrelid regclass primary key, distributed_by text, beside text, name text
);
grant select on pg_dist_partition to public;
create table pg_dist_node (
    nodename text, nodeport integer, groupid integer, noderole text, isactive boolean
);
create function citus_set_coordinator_host(host text, port integer) returns void
language sql
as $$insert into pg_dist_node values (host, port, 0, 'primary', true)$$;
create function citus_add_node(host text, port integer) returns void
language sql
as $$
    insert into pg_dist_node
    select host, port, count(*), 'primary', true from pg_dist_node
$$;
create table ran_on_workers (command text);
create function run_command_on_workers(command text) returns void
language sql security definer set search_path from current
as 'insert into ran_on_workers values ($1)';

-- Citus refuses what this refuses. A second call for a table breaks its key.
create function create_distributed_table(
    spread regclass, distributed_by text, colocate_with text default 'default'
)
returns void
language plpgsql
security definer
set search_path from current
as $$
begin
    if not exists (
        select from pg_attribute where attrelid = spread and attname = distributed_by
    ) then
        raise 'column "%" of relation "%" does not exist', distributed_by, spread;
    end if;
    if (select relpersistence = 't' from pg_class where oid = spread) then
        raise 'cannot distribute a temporary table';
    end if;
    if exists (
        select from pg_index
        where
            indrelid = spread
            and indisunique
            and not (
                select attnum from pg_attribute
                where attrelid = spread and attname = distributed_by
            ) = any(indkey::smallint[])
    ) then
        raise 'cannot create constraint on "%"', spread;
    end if;
    if exists (
        select from pg_policy
        where polrelid = spread and pg_get_expr(polqual, polrelid) ~* 'select'
    ) then
        raise 'cannot create policy: subqueries are not supported';
    end if;
    if exists (select from pg_trigger where tgrelid = spread and not tgisinternal) then
        raise 'triggers are not supported on distributed tables';
    end if;
    if colocate_with not in ('none', 'default')
        and not exists (
            select from pg_dist_partition where logicalrelid = colocate_with::regclass
        )
    then
        raise 'relation % is not distributed', colocate_with;
    end if;
    insert into pg_dist_partition
    values (spread, distributed_by, colocate_with, spread::text);
end
$$;

-- A table that is spread has its definition changed by a command of its own.
create function refuse_several_definitions() returns event_trigger
language plpgsql
security definer
set search_path from current
as $$
declare
    bare text = regexp_replace(
        current_query(), '--[^\n]*|\$(\w*)\$.*?\$\1\$|''[^'']*''', '', 'g'
    );
begin
    if bare ~ ';\s*\S'
        and exists (
            select
            from pg_event_trigger_ddl_commands() as defined
            where
                exists (
                    select from pg_dist_partition where logicalrelid = defined.objid
                )
                or exists (
                    select
                    from pg_index
                    inner join pg_dist_partition on logicalrelid = indrelid
                    where indexrelid = defined.objid
                )
        )
    then
        raise 'cannot execute multiple utility events';
    end if;
end
$$;
create event trigger refuse_several_definitions on ddl_command_end
when tag in ('ALTER TABLE', 'CREATE INDEX', 'CREATE POLICY', 'DROP POLICY')
execute function refuse_several_definitions();
"""
HAS_CITUS: LiteralString = "select from pg_extension where extname = 'citus'"


def stand_in_for_citus(connection: psycopg.Connection[Any]) -> None:
    """Let the database have Citus, or what stands in for it where it has not."""
    if not connection.execute(HAS_CITUS).fetchall():
        connection.execute(STAND_IN)
