-- lock_account_shared and lock_sessions in one statement, and in that order, of
-- the sessions that the items name.
with account as materialized (
    select
        pg_advisory_xact_lock_shared(
            hashtextextended(%(account_id)s::text, 0)
        ) as held
),

wanted as materialized (
    select distinct item.session_id
    from jsonb_to_recordset(%(items)s) as item (session_id uuid)
    order by item.session_id
)

select
    count(
        pg_advisory_xact_lock(
            hashtextextended(%(account_id)s::text || wanted.session_id::text, 1)
        )
    )
from account
cross join wanted
