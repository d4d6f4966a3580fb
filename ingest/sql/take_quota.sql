-- full_at is when all of the quota will be there again; it may lie as far ahead
-- as the window is long. No row comes back if it would lie further.
insert into raw.quotas as quotas (account_id, full_at)
values (%(account_id)s, clock_timestamp() + %(cost)s::interval)
on conflict (account_id)
do update
    set full_at = greatest(quotas.full_at + %(cost)s, excluded.full_at)
    where quotas.full_at <= excluded.full_at + %(slack)s::interval
returning quotas.full_at - clock_timestamp() as debt
