insert into raw.tombstones (account_id, kind, subject_hash, received_at)
select
    %(account_id)s,
    erased.kind,
    erased.subject_hash,
    %(received_at)s
from (
    select
        'session' as kind,
        unnest(%(session_hashes)s::bytea[]) as subject_hash
    union all
    select
        'user' as kind,
        unnest(%(user_hashes)s::bytea[]) as subject_hash
) as erased
on conflict (account_id, kind, subject_hash) do nothing
