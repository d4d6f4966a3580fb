-- UTC: what comes out of the database is the same wherever it runs.
-- lock_timeout: whoever waits for a lock keeps a connection that others want.
-- enable_seqscan: all that is asked for has an index; a plan made while a table
--     was new and empty would go on reading all of it until it is analysed.
select
    set_config('TimeZone', 'UTC', false),
    set_config('lock_timeout', '2s', false),
    set_config('enable_seqscan', 'off', false)
