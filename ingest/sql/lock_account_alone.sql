select pg_advisory_xact_lock(hashtextextended(%(account_id)s::text, 0))
