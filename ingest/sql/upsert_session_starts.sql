insert into raw.sessions as stored (
    account_id, session_id, flow_id, user_id, started_at,
    started_event_id, started_occurred_at, started_received_at
)
select
    %(account_id)s,
    item.session_id,
    item.flow_id,
    item.user_id,
    item.started_at,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    jsonb_to_recordset(%(items)s)
        as item (
            session_id uuid,
            flow_id uuid,
            user_id uuid,
            started_at timestamptz,
            event_id uuid,
            occurred_at timestamptz
        )
on conflict (account_id, session_id) do update set
    flow_id = excluded.flow_id,
    user_id = excluded.user_id,
    started_at = excluded.started_at,
    started_event_id = excluded.started_event_id,
    started_occurred_at = excluded.started_occurred_at,
    started_received_at = excluded.started_received_at
where
stored.started_event_id is null
or (excluded.started_occurred_at, excluded.started_event_id)
> (stored.started_occurred_at, stored.started_event_id)
