-- The owner's votes stand under their id and, unnamed, under the nil id.
select
    was_helpful,
    occurred_at
from raw.step_feedback
where
    account_id = %(account_id)s
    and session_id = %(session_id)s
    and step_id = %(step_id)s
    and user_id in (%(user_id)s, '00000000-0000-0000-0000-000000000000')
order by occurred_at desc, event_id desc
limit 1
