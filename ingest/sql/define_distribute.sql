-- On Citus: spreads a table over the nodes by one of its columns, and the rows
-- of an account beside those in raw. Does nothing elsewhere, nor with a table
-- that is spread already. Its keys and indexes are to be there before.
create or replace function access.distribute(
    relation regclass, distributed_by text
) returns void
language plpgsql
as $$
declare
    is_spread boolean;
begin
    if not exists (select from pg_extension where extname = 'citus') then
        return;
    end if;
    -- Not planned where there is no such table.
    execute 'select exists (
        select from pg_dist_partition where logicalrelid = $1
    )' into is_spread using relation;
    if is_spread then
        return;
    end if;
    -- What the transaction says of itself holds on the nodes, too: row-level
    -- security asks for the account there.
    set local citus.propagate_set_commands = 'local';
    -- It takes no policy with a query in it: one from before Citus came.
    if exists (
        select
        from pg_policy
        where
            polrelid = relation
            and polname = 'bi_users'
            and pg_get_expr(polqual, polrelid) ~ 'bi_users'
    ) then
        execute format('drop policy bi_users on %s', relation);
        perform access.lock_rows(relation);
    end if;
    perform create_distributed_table(
        relation,
        distributed_by,
        colocate_with => case
            when relation = 'raw.accounts'::regclass then 'none'
            when distributed_by = 'account_id' then 'raw.accounts'
            else 'default'
        end
    );
end
$$
