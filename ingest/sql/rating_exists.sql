select true
from raw.session_ratings
where account_id = %(account_id)s and session_id = %(session_id)s
