-- Takes their votes on other people's sessions along, and says on which.
with deleted_users as (
    delete from raw.users
    where account_id = %(account_id)s and user_id = any(%(user_ids)s)
)

delete from raw.step_feedback
where account_id = %(account_id)s and user_id = any(%(user_ids)s)
returning session_id
