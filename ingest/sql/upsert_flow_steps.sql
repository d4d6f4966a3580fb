-- A step that is no longer named keeps the row of its last naming.
insert into raw.flow_steps as stored (
    account_id, flow_id, step_id, title, position,
    event_id, occurred_at, received_at
)
select
    %(account_id)s,
    item.flow_id,
    step.step_id,
    step.title,
    step.position,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    jsonb_to_recordset(%(items)s)
        as item (
            flow_id uuid, steps jsonb, event_id uuid, occurred_at timestamptz
        )
cross join
    lateral jsonb_to_recordset(item.steps)
        as step (
            step_id text, title text, position integer
        )
order by item.flow_id, step.step_id
on conflict (account_id, flow_id, step_id) do update set
    title = excluded.title,
    position = excluded.position,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
> (stored.occurred_at, stored.event_id)
