-- A row that is there already is a login's that somebody dropped by hand.
insert into access.bi_users (role_name, account_id)
values (%(name)s, %(account_id)s)
on conflict (role_name) do update set
    account_id = excluded.account_id,
    created_at = excluded.created_at
