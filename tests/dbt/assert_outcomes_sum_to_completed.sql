-- A completed session has one outcome or none, any other session has none. So
-- the four outcomes, with the completed sessions of no outcome, sum to the
-- completed sessions.

select
    account_id,
    session_id,
    completed,
    resolved,
    escalated,
    workaround,
    unresolved
from {{ ref('facts') }}
where resolved + escalated + workaround + unresolved not in (0, completed)
