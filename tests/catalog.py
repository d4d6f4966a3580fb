"""What must be nowhere in the catalog of a database, so that every account is alone in it."""

from typing import LiteralString

DEFINERS_VIEWS: LiteralString = """
    select oid::regclass::text
    from pg_class
    where
        relkind in ('v', 'm')
        and relnamespace in (
            'raw'::regnamespace, 'staging'::regnamespace, 'marts'::regnamespace,
            'live'::regnamespace
        )
        and not coalesce('security_invoker=true' = any(reloptions), false)
"""
OF_LOGINS: LiteralString = """
    select relname
    from pg_class
    join pg_roles on pg_class.relowner = pg_roles.oid
    where
        (rolcanlogin or rolsuper)
        and relnamespace::regnamespace::text in ('raw', 'staging', 'marts', 'live', 'access')
    union all
    select nspname
    from pg_namespace
    join pg_roles on pg_namespace.nspowner = pg_roles.oid
    where (rolcanlogin or rolsuper) and nspname in ('raw', 'staging', 'marts', 'live', 'access')
"""
UNLOCKED_TABLES: LiteralString = """
    select pg_class.oid::regclass::text
    from pg_class
    join pg_attribute on attrelid = pg_class.oid and attname = 'account_id'
    where
        relkind in ('r', 'p')
        and relnamespace::regnamespace::text in ('raw', 'staging', 'marts', 'live', 'access')
        and (
            not relrowsecurity
            or not exists (select from pg_policy where polrelid = pg_class.oid)
        )
"""
