-- Takes what is still a login's into the hands of the roles: it was made by a
-- migration just now, or before there were roles. A lock on something that is
-- read is asked for again and again, and for a moment only: who waits for a
-- reader while others wait for him stops them all.
do $$
declare
    due text;
    is_done boolean;
begin
    for due in
        with owners (schema, owner) as (
            values
            ('raw', 'upshot_owner'),
            ('access', 'upshot_owner'),
            ('staging', 'upshot_transformer'),
            ('marts', 'upshot_transformer'),
            ('live', 'upshot_transformer')
        ),

        relations as (
            select
                pg_class.oid::regclass as relation,
                pg_class.relkind as kind,
                pg_class.relrowsecurity as has_locked_rows,
                owners.schema,
                owners.owner,
                pg_get_userbyid(pg_class.relowner) as owned_by,
                coalesce(
                    'security_invoker=true' = any(pg_class.reloptions), false
                ) and has_table_privilege(
                    'upshot_reader', pg_class.oid, 'select'
                ) and has_table_privilege(
                    'upshot_bi', pg_class.oid, 'select'
                ) as is_served_view,
                exists (
                    select
                    from pg_attribute
                    where
                        pg_attribute.attrelid = pg_class.oid
                        and pg_attribute.attname = 'account_id'
                        and not pg_attribute.attisdropped
                ) as has_accounts
            from pg_class
            inner join owners
                on pg_class.relnamespace = to_regnamespace(owners.schema)
            where pg_class.relkind in ('r', 'p', 'v', 'm')
        )

        select statement
        from (
            select
                1 as place,
                format('alter schema %I owner to %I', schema, owner)
            from owners
            inner join pg_namespace on owners.schema = pg_namespace.nspname
            where pg_get_userbyid(pg_namespace.nspowner) <> owners.owner
            union all
            select
                2 as place,
                format('select access.open_schema(%L)', schema)
            from owners
            inner join pg_namespace on owners.schema = pg_namespace.nspname
            where owners.owner = 'upshot_transformer'
            union all
            select
                2 as place,
                format('alter table %s owner to %I', relation, owner)
            from relations
            where owned_by <> owner
            union all
            select
                2 as place,
                format('alter function %s owner to upshot_owner', oid::regprocedure)
            from pg_proc
            where
                pronamespace in (
                    to_regnamespace('access'), to_regnamespace('raw')
                )
                and pg_get_userbyid(proowner) <> 'upshot_owner'
            union all
            select
                3 as place,
                format('select access.lock_rows(%L)', relation)
            from relations
            where schema = 'raw' and has_accounts and not has_locked_rows
            union all
            select
                4 as place,
                format('select access.serve(%L)', relation)
            from relations
            where
                schema in ('staging', 'marts', 'live')
                and (
                    (kind = 'v' and not is_served_view)
                    or (
                        kind in ('r', 'p')
                        and has_accounts
                        and not has_locked_rows
                    )
                )
        ) as statements (place, statement)
        order by place, statement
    loop
        for attempt in 1 .. 3000 loop
            begin
                set local lock_timeout = '100ms';
                execute due;
                is_done = true;
            exception when lock_not_available or deadlock_detected then
                is_done = false;
            end;
            commit;
            exit when is_done;
            if attempt = 3000 then
                raise exception 'Somebody keeps a lock on what should change '
                    'hands (%): end that transaction, and migrate again.', due;
            end if;
            perform pg_sleep(0.1);
        end loop;
    end loop;
end
$$
