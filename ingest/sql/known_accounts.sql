select account_id
from raw.accounts
where account_id = any(%(account_ids)s)
