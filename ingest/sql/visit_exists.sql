select true
from raw.step_visits
where
    account_id = %(account_id)s
    and session_id = %(session_id)s
    and step_id = %(step_id)s
    and visited_at = %(visited_at)s
