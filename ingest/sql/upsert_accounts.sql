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
    jsonb_to_recordset(%(items)s)
        as item (
            name text, time_zone text, event_id uuid, occurred_at timestamptz
        )
on conflict (account_id) do update set
    name = excluded.name,
    time_zone = excluded.time_zone,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
> (stored.occurred_at, stored.event_id)
