with deleted_visits as (
    delete from raw.step_visits
    where account_id = %(account_id)s and session_id = any(%(session_ids)s)
),

deleted_votes as (
    delete from raw.step_feedback
    where account_id = %(account_id)s and session_id = any(%(session_ids)s)
),

deleted_ratings as (
    delete from raw.session_ratings
    where account_id = %(account_id)s and session_id = any(%(session_ids)s)
)

delete from raw.sessions
where account_id = %(account_id)s and session_id = any(%(session_ids)s)
