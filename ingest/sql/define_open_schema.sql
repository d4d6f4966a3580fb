-- Lets those who read go into a schema of dbt's. A BI user goes into the marts
-- alone: of the other schemas such a user cannot even say a name, though the
-- marts read them with the user's own eyes.
create or replace function access.open_schema(opened text) returns void
language plpgsql
as $$
begin
    execute format('grant usage on schema %I to upshot_reader', opened);
    if opened = 'marts' then
        execute format('grant usage on schema %I to upshot_bi', opened);
    end if;
end
$$
