-- A step that is no longer named keeps the row of its last naming.
insert into raw.flow_steps as stored (
    account_id, flow_id, step_id, title, position,
    event_id, occurred_at, received_at
)
select distinct on (item.flow_id, step.step_id collate "C")
    %(account_id)s,
    item.flow_id,
    step.step_id,
    step.title,
    step.position,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    unnest(
        %(flow_id)s::uuid[],
        %(steps)s::jsonb[],
        %(event_id)s::uuid[],
        %(occurred_at)s::timestamptz[]
    ) as item (flow_id, steps, event_id, occurred_at)
cross join
    lateral jsonb_to_recordset(item.steps)
        as step (
            step_id text, title text, position integer
        )
order by
    item.flow_id asc,
    step.step_id collate "C" asc,
    item.occurred_at desc,
    item.event_id desc
on conflict (account_id, flow_id, step_id) do update set
    title = excluded.title,
    position = excluded.position,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
> (stored.occurred_at, stored.event_id)
