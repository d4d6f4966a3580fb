-- What the account and one of its users are called; null is unknown.
select
    (
        select name
        from raw.accounts
        where account_id = %(account_id)s
    ) as account_name,
    coalesce(
        (
            select time_zone
            from raw.accounts
            where account_id = %(account_id)s
        ),
        'UTC'
    ) as time_zone,
    (
        select name
        from raw.users
        where account_id = %(account_id)s and user_id = %(user_id)s
    ) as user_name
