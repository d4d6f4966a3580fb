-- The votes of a person: by their id anywhere, and unnamed in their sessions.
select
    session_id,
    step_id,
    user_id,
    was_helpful,
    event_id,
    occurred_at,
    received_at
from raw.step_feedback
where
    account_id = %(account_id)s
    and session_id = any(%(session_ids)s)
    and (
        user_id = %(user_id)s
        or (
            user_id = '00000000-0000-0000-0000-000000000000'
            and session_id = any(%(own_session_ids)s)
        )
    )
