-- On Citus: spreads raw over the nodes by account, whatever of it is on the
-- coordinator yet. A quota is asked for alone, and stays there; which account a
-- BI user sees is asked for on every node. Does nothing elsewhere.
do $$
declare
    due regclass;
begin
    if not exists (select from pg_extension where extname = 'citus') then
        return;
    end if;
    -- What the transaction says of itself holds on the nodes, too: row-level
    -- security asks for the account there.
    set local citus.propagate_set_commands = 'local';
    if not exists (
        select
        from pg_dist_partition
        where logicalrelid = 'access.bi_users'::regclass
    ) then
        perform create_reference_table('access.bi_users');
    end if;
    for due in
        select pg_class.oid
        from pg_class
        inner join pg_attribute
            on
                pg_class.oid = pg_attribute.attrelid
                and pg_attribute.attname = 'account_id'
        where
            pg_class.relnamespace = 'raw'::regnamespace
            and pg_class.relkind = 'r'
            and pg_class.relname <> 'quotas'
            and not exists (
                select
                from pg_dist_partition
                where pg_dist_partition.logicalrelid = pg_class.oid
            )
        -- The others are laid beside it.
        order by pg_class.relname <> 'accounts', pg_class.relname
    loop
        perform create_distributed_table(
            due,
            'account_id',
            colocate_with => case
                when due = 'raw.accounts'::regclass then 'none'
                else 'raw.accounts'
            end
        );
    end loop;
end
$$
