select
    name,
    role,
    event_id,
    occurred_at,
    received_at
from raw.users
where account_id = %(account_id)s and user_id = %(user_id)s
