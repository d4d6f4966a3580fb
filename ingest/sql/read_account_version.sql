select
    occurred_at,
    time_zone
from raw.accounts
where account_id = %(account_id)s
