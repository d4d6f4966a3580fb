insert into raw.sessions as stored (
    account_id, session_id, outcome, completed_at,
    completed_event_id, completed_occurred_at, completed_received_at
)
select distinct on (item.session_id)
    %(account_id)s,
    item.session_id,
    item.outcome,
    item.completed_at,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    unnest(
        %(session_id)s::uuid[],
        %(outcome)s::text[],
        %(completed_at)s::timestamptz[],
        %(event_id)s::uuid[],
        %(occurred_at)s::timestamptz[]
    ) as item (session_id, outcome, completed_at, event_id, occurred_at)
order by item.session_id asc, item.occurred_at desc, item.event_id desc
on conflict (account_id, session_id) do update set
    outcome = excluded.outcome,
    completed_at = excluded.completed_at,
    completed_event_id = excluded.completed_event_id,
    completed_occurred_at = excluded.completed_occurred_at,
    completed_received_at = excluded.completed_received_at
where
stored.completed_event_id is null
or (excluded.completed_occurred_at, excluded.completed_event_id)
> (stored.completed_occurred_at, stored.completed_event_id)
