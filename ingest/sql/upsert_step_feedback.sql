-- Without a user the vote is that of the session's own user: the nil id.
insert into raw.step_feedback as stored (
    account_id, session_id, step_id, user_id, was_helpful,
    event_id, occurred_at, received_at
)
select
    %(account_id)s,
    item.session_id,
    item.step_id,
    coalesce(item.user_id, '00000000-0000-0000-0000-000000000000'),
    item.was_helpful,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    jsonb_to_recordset(%(items)s)
        as item (
            session_id uuid,
            step_id text,
            user_id uuid,
            was_helpful boolean,
            event_id uuid,
            occurred_at timestamptz
        )
on conflict (account_id, session_id, step_id, user_id) do update set
    was_helpful = excluded.was_helpful,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
> (stored.occurred_at, stored.event_id)
