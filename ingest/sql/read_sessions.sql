select
    session_id,
    flow_id,
    started_at,
    started_event_id,
    started_occurred_at,
    started_received_at,
    outcome,
    completed_at,
    completed_event_id,
    completed_occurred_at,
    completed_received_at
from raw.sessions
where account_id = %(account_id)s and session_id = any(%(session_ids)s)
