select
    session_id,
    step_id,
    visited_at,
    event_id,
    occurred_at,
    received_at
from raw.step_visits
where account_id = %(account_id)s and session_id = any(%(session_ids)s)
