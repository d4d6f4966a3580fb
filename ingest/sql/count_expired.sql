select
    (
        select count(*)
        from raw.sessions
        where
            account_id = %(account_id)s
            and started_at < %(sessions_from)s::timestamptz
    ) as sessions,
    (
        select count(*)
        from raw.session_ratings
        where
            account_id = %(account_id)s
            and comment is not null
            and occurred_at < %(comments_from)s::timestamptz
    ) as comments
