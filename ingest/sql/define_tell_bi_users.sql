-- On Citus: tells every node of which account a BI user's login is. There no
-- policy may ask a table, and what is asked on a node may ask no other: so it
-- stands in a function, which Citus makes on all of them. Does nothing
-- elsewhere: there the policies ask access.bi_users.
create or replace function access.tell_bi_users() returns void
language plpgsql
as $$
begin
    if not exists (select from pg_extension where extname = 'citus') then
        return;
    end if;
    execute format(
        'create or replace function access.account_of(login name) '
        'returns uuid language sql stable as %L',
        (
            select
                'select case login '
                || coalesce(
                    string_agg(
                        format(
                            'when %L then %L::uuid', role_name, account_id
                        ),
                        ' '
                        order by role_name
                    ),
                    'when '''' then null::uuid'
                )
                || ' end'
            from access.bi_users
        )
    );
    grant execute on function access.account_of(name)
    to upshot_bi, upshot_owner, upshot_transformer;
    revoke execute on function access.account_of(name) from public;
end
$$
