-- Where a person is named, and whether it is a session of theirs: what is held
-- of others is none of their business.
select
    session_id,
    true as is_theirs
from raw.sessions
where
    account_id = %(account_id)s
    and user_id = %(user_id)s
    and started_at is not null
union all
-- Of one that has not started the only one who is named is the owner.
select
    session_id,
    user_id is null and named_user_ids = array[%(user_id)s::uuid] as is_theirs
from raw.sessions
where
    account_id = %(account_id)s
    and named_user_ids is distinct from array[user_id]
    and named_user_ids && array[%(user_id)s::uuid]
    and user_id is distinct from %(user_id)s
