select pg_advisory_lock(hashtextextended('upshot refresh', 0))
