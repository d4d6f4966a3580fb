insert into raw.flows as stored (
    account_id, flow_id, name, event_id, occurred_at, received_at
)
select distinct on (item.flow_id)
    %(account_id)s,
    item.flow_id,
    item.name,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    unnest(
        %(flow_id)s::uuid[],
        %(name)s::text[],
        %(event_id)s::uuid[],
        %(occurred_at)s::timestamptz[]
    ) as item (flow_id, name, event_id, occurred_at)
order by item.flow_id asc, item.occurred_at desc, item.event_id desc
on conflict (account_id, flow_id) do update set
    name = excluded.name,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
> (stored.occurred_at, stored.event_id)
