-- Every session that an event said was one of theirs. As a rule a session names
-- its own user and nobody else, and an index has those few that do not.
select session_id
from raw.sessions
where
    account_id = %(account_id)s
    and user_id = any(%(user_ids)s)
    and started_at is not null
union
select session_id
from raw.sessions
where
    account_id = %(account_id)s
    and named_user_ids is distinct from array[user_id]
    and named_user_ids && %(user_ids)s
