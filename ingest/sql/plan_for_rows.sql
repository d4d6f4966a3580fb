-- For one transaction: it reads some rows of a mart, or all of them, in order.
-- enable_hashagg, enable_bitmapscan: sums that come in the order of an index
--     end with the page; hashing would sum up all of the account before.
-- statement_timeout: nobody else waits for ever for their connection.
select
    set_config('enable_seqscan', 'on', true),
    set_config('enable_hashjoin', 'on', true),
    set_config('enable_mergejoin', 'on', true),
    set_config('enable_hashagg', 'off', true),
    set_config('enable_bitmapscan', 'off', true),
    set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('statement_timeout', '30s', true)
