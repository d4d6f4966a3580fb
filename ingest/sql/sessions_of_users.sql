select session_id
from raw.sessions
where account_id = %(account_id)s and named_user_ids && %(user_ids)s
