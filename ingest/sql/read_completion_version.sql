select completed_occurred_at
from raw.sessions
where account_id = %(account_id)s and session_id = %(id)s
