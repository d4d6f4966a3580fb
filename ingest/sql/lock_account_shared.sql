-- Held until the end of the transaction. Writers share it; an erasure and a
-- change of zone take it alone, so that no writer works on what it cannot see.
select
    pg_advisory_xact_lock_shared(
        hashtextextended(%(account_id)s::text, 0)
    )
