update raw.session_ratings
set comment = null
where account_id = %(account_id)s and session_id = any(%(session_ids)s)
