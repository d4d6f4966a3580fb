"""The lock by which refreshes take turns, as macros/live names it."""

KEY = "hashtextextended('upshot refresh', 0)"
TAKE = f"select pg_advisory_lock({KEY})"
TAKE_IN_TRANSACTION = f"select pg_advisory_xact_lock({KEY})"
HOLDER = f"""
    select holder.pid
    from pg_locks as holder
    where
        holder.locktype = 'advisory'
        and holder.granted
        and holder.database = (select oid from pg_database where datname = current_database())
        and (holder.classid::bigint << 32 | holder.objid::bigint) = {KEY}
"""
"""Who refreshes the database that this is asked of."""
