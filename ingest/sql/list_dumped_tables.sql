-- Tables that are nobody's extension, each with its schema: what a backup locks
-- before it takes its snapshot.
select
    pg_namespace.nspname::text as schema,
    pg_class.relname::text as name,
    pg_class.oid::bigint as id
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
where
    pg_class.relkind in ('r', 'p')
    and pg_namespace.nspname !~ '^pg_'
    and pg_namespace.nspname <> 'information_schema'
    and not exists (
        select
        from pg_depend
        where
            pg_depend.classid = 'pg_class'::regclass
            and pg_depend.objid = pg_class.oid
            and pg_depend.deptype = 'e'
    )
order by schema, name
