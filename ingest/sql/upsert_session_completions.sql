insert into raw.sessions as stored (
    account_id, session_id, outcome, completed_at,
    completed_event_id, completed_occurred_at, completed_received_at
)
select
    %(account_id)s,
    item.session_id,
    item.outcome,
    item.completed_at,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    jsonb_to_recordset(%(items)s)
        as item (
            session_id uuid,
            outcome text,
            completed_at timestamptz,
            event_id uuid,
            occurred_at timestamptz
        )
on conflict (account_id, session_id) do update set
    outcome = excluded.outcome,
    completed_at = excluded.completed_at,
    completed_event_id = excluded.completed_event_id,
    completed_occurred_at = excluded.completed_occurred_at,
    completed_received_at = excluded.completed_received_at
where
stored.completed_event_id is null
or (excluded.completed_occurred_at, excluded.completed_event_id)
> (stored.completed_occurred_at, stored.completed_event_id)
