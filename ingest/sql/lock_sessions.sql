-- One single call at a time judges the state of a session, known or not; in
-- order, so that two groups do not wait for each other.
select
    pg_advisory_xact_lock(
        hashtextextended(%(account_id)s::text || wanted.session_id::text, 1)
    )
from (
    select unnest(%(session_ids)s::uuid[]) as session_id
    order by session_id
    offset 0
) as wanted
