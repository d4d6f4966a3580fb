-- Lets those who read see a table or a view that dbt has built: a view with
-- their own eyes, a table's rows by its row-level security. A table without
-- accounts is for the API alone.
create or replace function access.serve(relation regclass) returns void
language plpgsql
as $$
declare
    served record;
begin
    select
        pg_class.relkind = 'v' as is_view,
        exists (
            select
            from pg_attribute
            where
                pg_attribute.attrelid = relation
                and pg_attribute.attname = 'account_id'
                and not pg_attribute.attisdropped
        ) as has_accounts
    into served
    from pg_class
    where pg_class.oid = relation;

    if served.is_view then
        execute format(
            'alter view %s set (security_invoker = true)', relation
        );
    elsif served.has_accounts then
        perform access.lock_rows(relation);
    end if;
    execute format('grant select on %s to upshot_reader', relation);
    if served.is_view or served.has_accounts then
        execute format('grant select on %s to upshot_bi', relation);
    end if;
end
$$
