-- A session that is new has its user named at once; see name_session_users.
insert into raw.sessions as stored (
    account_id, session_id, flow_id, user_id, named_user_ids, started_at,
    started_event_id, started_occurred_at, started_received_at
)
select distinct on (item.session_id)
    %(account_id)s,
    item.session_id,
    item.flow_id,
    item.user_id,
    array[item.user_id],
    item.started_at,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    unnest(
        %(session_id)s::uuid[],
        %(flow_id)s::uuid[],
        %(user_id)s::uuid[],
        %(started_at)s::timestamptz[],
        %(event_id)s::uuid[],
        %(occurred_at)s::timestamptz[]
    ) as item (
        session_id, flow_id, user_id, started_at, event_id, occurred_at
    )
order by item.session_id asc, item.occurred_at desc, item.event_id desc
on conflict (account_id, session_id) do update set
    flow_id = excluded.flow_id,
    user_id = excluded.user_id,
    started_at = excluded.started_at,
    started_event_id = excluded.started_event_id,
    started_occurred_at = excluded.started_occurred_at,
    started_received_at = excluded.started_received_at
where
stored.started_event_id is null
or (excluded.started_occurred_at, excluded.started_event_id)
> (stored.started_occurred_at, stored.started_event_id)
