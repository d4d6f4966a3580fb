select
    account_id,
    session_id,
    completed,
    duration_microseconds,
    ratings
from {{ ref('facts') }}
where
    duration_microseconds < 0
    or (completed = 0 and (duration_microseconds <> 0 or ratings <> 0))
