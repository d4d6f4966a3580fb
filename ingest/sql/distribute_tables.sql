-- On Citus: spreads what has accounts over the nodes, whatever of it is on the
-- coordinator yet. A quota is asked for alone, and stays there. Does nothing
-- elsewhere.
do $$
declare
    due regclass;
begin
    if not exists (select from pg_extension where extname = 'citus') then
        return;
    end if;
    -- Citus goes to the other nodes as whoever is asking. On this one nobody
    -- logs in as an owner.
    perform run_command_on_workers(format('alter role %I login', going))
    from unnest(array[
        'upshot_owner', 'upshot_writer', 'upshot_transformer', 'upshot_reader'
    ]) as roles (going);
    for due in
        select pg_class.oid
        from pg_class
        inner join pg_attribute
            on
                pg_class.oid = pg_attribute.attrelid
                and pg_attribute.attname = 'account_id'
        where
            pg_class.relnamespace in (
                'raw'::regnamespace, to_regnamespace('live')
            )
            and pg_class.relkind = 'r'
            and pg_class.relname <> 'quotas'
        -- The others are laid beside it.
        order by pg_class.oid <> 'raw.accounts'::regclass, pg_class.relname
    loop
        perform access.distribute(due, 'account_id');
    end loop;
end
$$
