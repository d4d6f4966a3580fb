select
    kind,
    subject_hash
from raw.tombstones
where
    account_id = %(account_id)s
    and (
        (kind = 'session' and subject_hash = any(%(session_hashes)s))
        or (kind = 'user' and subject_hash = any(%(user_hashes)s))
    )
