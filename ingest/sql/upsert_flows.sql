insert into raw.flows as stored (
    account_id, flow_id, name, event_id, occurred_at, received_at
)
select
    %(account_id)s,
    item.flow_id,
    item.name,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    jsonb_to_recordset(%(items)s)
        as item (
            flow_id uuid, name text, event_id uuid, occurred_at timestamptz
        )
on conflict (account_id, flow_id) do update set
    name = excluded.name,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
> (stored.occurred_at, stored.event_id)
