-- What PostgreSQL lets everybody do, and a BI user is not to: hold the locks by
-- which writers and refreshes take turns, and store large objects. Only a
-- superuser can say so; docs/access.md says what is left open without one.
do $$
declare
    closed regprocedure;
begin
    if not (select rolsuper from pg_roles where rolname = current_user) then
        return;
    end if;
    execute 'revoke create on schema public from public';
    for closed in
        select pg_proc.oid
        from pg_proc
        cross join lateral aclexplode(
            coalesce(pg_proc.proacl, acldefault('f', pg_proc.proowner))
        ) as granted
        where
            pg_proc.pronamespace = 'pg_catalog'::regnamespace
            and granted.grantee = 0
            and (
                pg_proc.proname ~ '^pg_(try_)?advisory_'
                or pg_proc.proname in ('lo_creat', 'lo_create', 'lo_from_bytea')
            )
    loop
        execute format('revoke execute on function %s from public', closed);
        if closed::text ~ 'advisory' then
            execute format(
                'grant execute on function %s '
                'to upshot_owner, upshot_writer, upshot_transformer', closed
            );
        end if;
    end loop;
end
$$
