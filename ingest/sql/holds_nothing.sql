-- Whether somebody has made a schema here, or anything in the one that every
-- database has; an extension's own things are none of theirs.
select
    not exists (
        select
        from pg_namespace
        where
            pg_namespace.nspname !~ '^pg_'
            and pg_namespace.nspname not in ('information_schema', 'public')
            and not exists (
                select
                from pg_depend
                where
                    pg_depend.classid = 'pg_namespace'::regclass
                    and pg_depend.objid = pg_namespace.oid
                    and pg_depend.deptype = 'e'
            )
    )
    and not exists (
        select
        from pg_class
        where
            pg_class.relnamespace = to_regnamespace('public')
            and not exists (
                select
                from pg_depend
                where
                    pg_depend.classid = 'pg_class'::regclass
                    and pg_depend.objid = pg_class.oid
                    and pg_depend.deptype = 'e'
            )
    )
