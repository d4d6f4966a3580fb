select pg_advisory_lock(hashtextextended('upshot migrate', 0))
