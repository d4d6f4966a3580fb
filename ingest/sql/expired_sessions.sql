select session_id
from raw.sessions
where
    account_id = %(account_id)s
    and started_at < %(sessions_from)s
order by account_id asc, started_at asc, session_id asc
limit %(most)s
