-- One single call at a time judges the state of a session, known or not.
select
    pg_advisory_xact_lock(
        hashtextextended(%(account_id)s::text || %(session_id)s::text, 1)
    )
