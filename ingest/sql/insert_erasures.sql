insert into raw.erasures (account_id, kind, subject_id, received_at)
select
    %(account_id)s,
    erased.kind,
    erased.subject_id,
    %(received_at)s
from (
    select
        'session' as kind,
        unnest(%(session_ids)s::uuid[]) as subject_id
    union all
    select
        'user' as kind,
        unnest(%(user_ids)s::uuid[]) as subject_id
) as erased
on conflict (account_id, kind, subject_id) do nothing
