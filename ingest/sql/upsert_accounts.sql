insert into raw.accounts as stored (
    account_id, name, time_zone, event_id, occurred_at, received_at
)
select
    %(account_id)s,
    item.name,
    item.time_zone,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    unnest(
        %(name)s::text[],
        %(time_zone)s::text[],
        %(event_id)s::uuid[],
        %(occurred_at)s::timestamptz[]
    ) as item (name, time_zone, event_id, occurred_at)
order by item.occurred_at desc, item.event_id desc
limit 1
on conflict (account_id) do update set
    name = excluded.name,
    time_zone = excluded.time_zone,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
> (stored.occurred_at, stored.event_id)
