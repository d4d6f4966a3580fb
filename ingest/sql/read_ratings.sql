select
    session_id,
    rating,
    comment,
    event_id,
    occurred_at,
    received_at
from raw.session_ratings
where account_id = %(account_id)s and session_id = any(%(session_ids)s)
