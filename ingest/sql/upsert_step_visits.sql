insert into raw.step_visits as stored (
    account_id, session_id, step_id, visited_at,
    event_id, occurred_at, received_at
)
select distinct on (
    item.session_id, item.step_id collate "C", item.visited_at
)
    %(account_id)s,
    item.session_id,
    item.step_id,
    item.visited_at,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    unnest(
        %(session_id)s::uuid[],
        %(step_id)s::text[],
        %(visited_at)s::timestamptz[],
        %(event_id)s::uuid[],
        %(occurred_at)s::timestamptz[]
    ) as item (session_id, step_id, visited_at, event_id, occurred_at)
order by
    item.session_id asc,
    item.step_id collate "C" asc,
    item.visited_at asc,
    item.occurred_at desc,
    item.event_id desc
on conflict (account_id, session_id, step_id, visited_at) do update set
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
> (stored.occurred_at, stored.event_id)
