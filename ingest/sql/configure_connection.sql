-- role: a login is more than those who write, or read, are to be.
-- TimeZone, DateStyle, IntervalStyle: what comes out of the database is the
--     same wherever it runs.
-- lock_timeout: whoever waits for a lock keeps a connection that others want.
-- enable_*, max_parallel_workers_per_gather: all that is asked for has an
--     index. Plans are made once for any account, so they would read all of a
--     large one, or of a table that was new and empty, to find a few rows. And
--     what an index has in order is read in order: as far as it is asked for.
-- plan_cache_mode: planning takes longer than running.
-- citus.propagate_set_commands: the account that a transaction names is known
--     to the nodes of Citus as well. Elsewhere nobody reads it.
select
    set_config('role', %(role)s, false),
    set_config('TimeZone', 'UTC', false),
    set_config('DateStyle', 'ISO', false),
    set_config('IntervalStyle', 'postgres', false),
    set_config('lock_timeout', '2s', false),
    set_config('enable_seqscan', 'off', false),
    set_config('enable_bitmapscan', 'off', false),
    set_config('enable_hashjoin', 'off', false),
    set_config('enable_mergejoin', 'off', false),
    set_config('max_parallel_workers_per_gather', '0', false),
    set_config('plan_cache_mode', 'force_generic_plan', false),
    set_config('jit', 'off', false),
    set_config('citus.propagate_set_commands', 'local', false)
