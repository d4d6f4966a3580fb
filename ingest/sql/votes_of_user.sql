select distinct session_id
from raw.step_feedback
where
    account_id = %(account_id)s
    and user_id = %(user_id)s
    and user_id <> '00000000-0000-0000-0000-000000000000'
