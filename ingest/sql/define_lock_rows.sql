-- Row-level security on a table whose rows belong to accounts: readers see
-- those of the account that their transaction names, BI users those of the one
-- that is noted for their login, whatever they set. On Citus a function knows
-- that one: see define_tell_bi_users.
create or replace function access.lock_rows(relation regclass) returns void
language plpgsql
as $$
declare
    policy record;
begin
    execute format('alter table %s enable row level security', relation);
    for policy in
        select *
        from (
            values
            ('writers', 'to upshot_writer using (true) with check (true)'),
            ('transformers', 'to upshot_transformer using (true)'),
            (
                'readers',
                'for select to upshot_reader using (account_id = '
                || 'nullif(current_setting(''app.account_id'', true), '''')'
                || '::uuid)'
            ),
            (
                'bi_users',
                'for select to upshot_bi using (account_id = ('
                || case
                    when exists (
                        select from pg_extension where extname = 'citus'
                    ) then 'access.account_of(current_user)'
                    else 'select bi_users.account_id from access.bi_users '
                        || 'where bi_users.role_name = current_user'
                end
                || '))'
            )
        ) as policies (name, rule)
        where not exists (
            select
            from pg_policy
            where
                pg_policy.polrelid = relation
                and pg_policy.polname = policies.name
        )
    loop
        execute format(
            'create policy %I on %s %s', policy.name, relation, policy.rule
        );
    end loop;
end
$$
