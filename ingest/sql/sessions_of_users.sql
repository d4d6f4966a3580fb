-- Every session that a start ever gave to one of these users.
select session_id
from raw.sessions
where
    account_id = %(account_id)s
    and (user_id = any(%(user_ids)s) or named_user_ids && %(user_ids)s)
