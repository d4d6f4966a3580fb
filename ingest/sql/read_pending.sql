-- How many of the account's sessions are pending, all of them where everything
-- has changed, and when the newest of the changes was received.
with changes as materialized (
    select
        session_id,
        received_at
    from raw.changes
    where account_id = %(account_id)s
)

select
    case
        when (select bool_or(session_id is null) from changes)
            then (
                select count(*)
                from live.pending_sessions as pending
                where
                    pending.account_id = %(account_id)s
                    -- A name has changed: no session.
                    and pending.session_id
                    <> '00000000-0000-0000-0000-000000000000'
            )
        else (
            -- Grouped, as count(distinct) would sort them.
            select count(*)
            from (
                select session_id
                from changes
                where session_id <> '00000000-0000-0000-0000-000000000000'
                group by session_id
            ) as sessions
        )
    end as sessions,
    greatest(
        (
            select refreshed.data_through
            from live.accounts as refreshed
            where refreshed.account_id = %(account_id)s
        ),
        (select max(received_at) from changes)
    ) as data_through
