-- What the roles may do in raw; which rows, its row-level security says.
do $$
begin
    grant usage on schema raw to
    upshot_writer, upshot_transformer, upshot_reader;
    grant select, insert, update, delete on all tables in schema raw
    to upshot_writer;
    grant select on all tables in schema raw
    to upshot_transformer, upshot_reader;
    -- A refresh takes the changes that it stored out of the log.
    grant delete on raw.changes to upshot_transformer;

    -- What the marts are made of, for whoever reads those with their own eyes:
    -- no word that people wrote, and no schema in which it could be named.
    grant select on
    raw.accounts, raw.users, raw.flows, raw.flow_steps, raw.sessions,
    raw.step_visits, raw.step_feedback, raw.changes
    to upshot_bi;
    grant select (
        account_id, session_id, rating, event_id, occurred_at, received_at
    ) on raw.session_ratings to upshot_bi;

    -- Each sees the own row, by which row-level security asks for it.
    alter table access.bi_users enable row level security;
    drop policy if exists own_row on access.bi_users;
    create policy own_row on access.bi_users for select to upshot_bi
    using (role_name = current_user);
    grant select on access.bi_users to upshot_bi;

    -- dbt has them lock the rows of what it builds.
    grant usage on schema access to upshot_transformer;
    revoke execute on all functions in schema access from public;
    grant execute on all functions in schema access
    to upshot_owner, upshot_transformer;
end
$$
