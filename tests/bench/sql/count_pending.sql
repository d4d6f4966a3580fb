select count(distinct session_id)
from raw.changes
where account_id = %(account_id)s
