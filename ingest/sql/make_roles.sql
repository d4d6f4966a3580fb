-- The roles of the database, and what they may do in it as a whole;
-- docs/access.md says what each is for. Roles are the server's, and other
-- databases on it may have made them. The rest is this database's, and no dump
-- or copy of one brings it along: each `upshot migrate` says all of it again.
do $$
declare
    made text;
begin
    foreach made in array array[
        'upshot_owner', 'upshot_writer', 'upshot_transformer',
        'upshot_reader', 'upshot_bi'
    ] loop
        if not exists (select from pg_roles where rolname = made) then
            begin
                execute format('create role %I nologin', made);
            exception when duplicate_object or unique_violation then
                null; -- by another database's migration, at this moment
            end;
        end if;
        -- Whoever runs the programs takes these roles on. No BI user's is among
        -- them: to make one is to grant it, which takes no membership.
        if made <> 'upshot_bi'
            and not (
                select rolsuper from pg_roles where rolname = current_user
            )
            -- Before 16 a role that one has is one that one can take on.
            and not (
                pg_has_role(made, 'usage')
                and (
                    case
                        when current_setting('server_version_num')::integer
                            < 160000 then true
                        else pg_has_role(made, 'set')
                    end
                )
            )
        then
            execute format('grant %I to %I', made, current_user);
        end if;
    end loop;

    -- A folder of models is a schema; a refresh compares in temporary tables.
    execute format(
        'grant create, temporary on database %I '
        'to upshot_owner, upshot_transformer',
        current_database()
    );
    -- Where one can make a function, row-level security can be talked round.
    execute format(
        'revoke temporary on database %I from public', current_database()
    );
end
$$
