select occurred_at
from raw.users
where account_id = %(account_id)s and user_id = %(id)s
