-- How many of the account's sessions are pending, all of them where everything
-- has changed, and when the newest of the changes was received.
select
    (
        select count(*)
        from live.pending_sessions as pending
        where
            pending.account_id = %(account_id)s
            -- A name has changed: no session.
            and pending.session_id <> '00000000-0000-0000-0000-000000000000'
    ) as sessions,
    greatest(
        (
            select refreshed.data_through
            from live.accounts as refreshed
            where refreshed.account_id = %(account_id)s
        ),
        (
            select max(changes.received_at)
            from raw.changes
            where changes.account_id = %(account_id)s
        )
    ) as data_through
