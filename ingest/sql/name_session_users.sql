-- Everyone whom an event names as the session's user, be it known or not yet.
-- As a rule its start has named them: a row that lacks nobody is left alone.
insert into raw.sessions as stored (account_id, session_id, named_user_ids)
select
    %(account_id)s,
    named.session_id,
    named.user_ids
from (
    select
        item.session_id,
        array_agg(distinct item.user_id order by item.user_id) as user_ids
    from
        unnest(%(session_id)s::uuid[], %(user_id)s::uuid[])
            as item (session_id, user_id)
    group by item.session_id
) as named
-- One look-up each, whatever the planner thought when the table was empty.
left join lateral (
    select sessions.named_user_ids
    from raw.sessions
    where
        sessions.account_id = %(account_id)s
        and sessions.session_id = named.session_id
    limit 1
) as known on true
where
    known.named_user_ids is null
    or not known.named_user_ids @> named.user_ids
order by named.session_id
on conflict (account_id, session_id) do update set
    named_user_ids = raw.union_of(
        stored.named_user_ids, excluded.named_user_ids
    )
where not stored.named_user_ids @> excluded.named_user_ids
