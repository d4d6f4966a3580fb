insert into raw.step_visits as stored (
    account_id, session_id, step_id, visited_at,
    event_id, occurred_at, received_at
)
select
    %(account_id)s,
    item.session_id,
    item.step_id,
    item.visited_at,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    jsonb_to_recordset(%(items)s)
        as item (
            session_id uuid,
            step_id text,
            visited_at timestamptz,
            event_id uuid,
            occurred_at timestamptz
        )
on conflict (account_id, session_id, step_id, visited_at) do update set
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
> (stored.occurred_at, stored.event_id)
