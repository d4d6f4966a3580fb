select pg_try_advisory_lock(hashtextextended('upshot sync', 0))
