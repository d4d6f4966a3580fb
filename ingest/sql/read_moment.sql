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
        coalesce(bool_or(session_id is null), false) as is_all,
        -- The nil session stands for none, where a name has changed.
        coalesce(
            bool_or(session_id = '00000000-0000-0000-0000-000000000000'), false
        ) as is_renamed,
        max(received_at) as data_through
    from pending
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
    greatest(refreshed.data_through, counted.data_through) as data_through,
    counted.changes,
    counted.is_all,
    counted.is_renamed,
    -- What to weigh many changes against; a few are always corrected for.
    case
        when counted.changes > %(few_changes)s
            then (
                select coalesce(sum(days.sessions), 0)::bigint
                from live.account_days__stored as days
                where days.account_id = %(account_id)s
            )
        else 0
    end as stored_sessions
from zone
cross join counted
left join live.accounts as refreshed
    on refreshed.account_id = %(account_id)s
