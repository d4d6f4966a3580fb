-- Those that are not ours to end see nothing from now on.
select pg_terminate_backend(pid)
from pg_stat_activity
where
    usename = %(name)s
    and pg_has_role(usesysid, 'usage')
