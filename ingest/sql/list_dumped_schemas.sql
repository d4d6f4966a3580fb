-- Schemas that are neither PostgreSQL's nor an extension's; public too.
select pg_namespace.nspname::text as name
from pg_namespace
where
    pg_namespace.nspname !~ '^pg_'
    and pg_namespace.nspname <> 'information_schema'
    and not exists (
        select
        from pg_depend
        where
            pg_depend.classid = 'pg_namespace'::regclass
            and pg_depend.objid = pg_namespace.oid
            and pg_depend.deptype = 'e'
    )
order by name
