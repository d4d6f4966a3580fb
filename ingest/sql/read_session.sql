select
    session_id,
    flow_id,
    user_id,
    started_at,
    completed_at,
    outcome
from raw.sessions
where
    account_id = %(account_id)s
    and session_id = %(session_id)s
    and started_at is not null
