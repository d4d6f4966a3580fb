-- Takes their votes on other people's sessions along, and says on which. The
-- nil user is nobody: the votes that name nobody go with their sessions.
with deleted_users as (
    delete from raw.users
    where account_id = %(account_id)s and user_id = any(%(user_ids)s)
)

delete from raw.step_feedback
where
    account_id = %(account_id)s
    and user_id = any(%(user_ids)s)
    and user_id <> '00000000-0000-0000-0000-000000000000'
returning session_id
