insert into raw.users as stored (
    account_id, user_id, name, role, event_id, occurred_at, received_at
)
select distinct on (item.user_id)
    %(account_id)s,
    item.user_id,
    item.name,
    item.role,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    unnest(
        %(user_id)s::uuid[],
        %(name)s::text[],
        %(role)s::text[],
        %(event_id)s::uuid[],
        %(occurred_at)s::timestamptz[]
    ) as item (user_id, name, role, event_id, occurred_at)
order by item.user_id asc, item.occurred_at desc, item.event_id desc
on conflict (account_id, user_id) do update set
    name = excluded.name,
    role = excluded.role,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
> (stored.occurred_at, stored.event_id)
