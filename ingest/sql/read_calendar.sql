-- Where the account's calendar is at this moment, and when the newest event
-- was received.
with zone as (
    select coalesce(max(time_zone), 'UTC') as time_zone
    from raw.accounts
    where account_id = %(account_id)s
)

select
    now() as as_of,
    zone.time_zone,
    (now() at time zone zone.time_zone)::date as today,
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
from zone
