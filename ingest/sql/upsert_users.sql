insert into raw.users as stored (
    account_id, user_id, name, role, event_id, occurred_at, received_at
)
select
    %(account_id)s,
    item.user_id,
    item.name,
    item.role,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    jsonb_to_recordset(%(items)s)
        as item (
            user_id uuid,
            name text,
            role text,
            event_id uuid,
            occurred_at timestamptz
        )
on conflict (account_id, user_id) do update set
    name = excluded.name,
    role = excluded.role,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
> (stored.occurred_at, stored.event_id)
