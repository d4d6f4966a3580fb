select
    kind,
    subject_id
from raw.erasures
where
    account_id = %(account_id)s
    and (
        (kind = 'session' and subject_id = any(%(session_ids)s))
        or (kind = 'user' and subject_id = any(%(user_ids)s))
    )
