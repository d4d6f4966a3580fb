-- A row is of a login of the server that was backed up. Where there is none of
-- its name, nobody is to get its account by making one.
delete from access.bi_users
where
    not exists (
        select
        from pg_roles
        where
            pg_roles.rolname = bi_users.role_name
            and pg_has_role(pg_roles.oid, 'upshot_bi', 'member')
    )
returning
    role_name::text as name,
    account_id
