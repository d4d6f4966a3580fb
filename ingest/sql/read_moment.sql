-- Where the account's calendar is at this moment, and how much its stored
-- figures lack. Changes are counted no further than what is corrected for.
with pending as (
    select
        session_id,
        received_at
    from raw.changes
    where account_id = %(account_id)s
    limit %(most_changes)s + 1
),

counted as (
    select
        count(*) as changes,
        -- The nil session stands for none, where a name has changed.
        count(distinct session_id) filter (
            where session_id <> '00000000-0000-0000-0000-000000000000'
        ) as sessions,
        coalesce(bool_or(session_id is null), false) as is_all,
        coalesce(
            bool_or(session_id = '00000000-0000-0000-0000-000000000000'), false
        ) as is_renamed,
        max(received_at) as data_through
    from pending
),

weighed as (
    select
        changes,
        sessions,
        is_renamed,
        data_through,
        is_all
        or changes > %(most_changes)s
        or (
            changes > 500
            and changes * 5 > (
                select coalesce(sum(days.sessions), 0)
                from live.account_days__stored as days
                where days.account_id = %(account_id)s
            )
        ) as is_too_much
    from counted
),

-- Where everything is computed, all changes are looked at.
moment as (
    select
        changes,
        is_renamed,
        is_too_much,
        case
            when not is_too_much then sessions
            else (
                select count(*)
                from live.pending_sessions as all_sessions
                where
                    all_sessions.account_id = %(account_id)s
                    and all_sessions.session_id
                    <> '00000000-0000-0000-0000-000000000000'
            )
        end as sessions,
        case
            when not is_too_much then data_through
            else (
                select max(all_changes.received_at)
                from raw.changes as all_changes
                where all_changes.account_id = %(account_id)s
            )
        end as data_through
    from weighed
),

zone as (
    select coalesce(max(time_zone), 'UTC') as time_zone
    from raw.accounts
    where account_id = %(account_id)s
)

select
    now() as as_of,
    zone.time_zone,
    (now() at time zone zone.time_zone)::date as today,
    refreshed.version,
    greatest(refreshed.data_through, moment.data_through) as data_through,
    moment.changes,
    moment.sessions,
    moment.is_too_much,
    moment.is_renamed
from zone
cross join moment
left join live.accounts as refreshed
    on refreshed.account_id = %(account_id)s
