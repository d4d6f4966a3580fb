-- Without a user the vote is that of the session's own user: the nil id.
insert into raw.step_feedback as stored (
    account_id, session_id, step_id, user_id, was_helpful,
    event_id, occurred_at, received_at
)
select distinct on (item.session_id, item.step_id collate "C", item.user_id)
    %(account_id)s,
    item.session_id,
    item.step_id,
    item.user_id,
    item.was_helpful,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from (
    select
        session_id,
        step_id,
        was_helpful,
        event_id,
        occurred_at,
        coalesce(user_id, '00000000-0000-0000-0000-000000000000') as user_id
    from
        unnest(
            %(session_id)s::uuid[],
            %(step_id)s::text[],
            %(user_id)s::uuid[],
            %(was_helpful)s::boolean[],
            %(event_id)s::uuid[],
            %(occurred_at)s::timestamptz[]
        ) as vote (
            session_id, step_id, user_id, was_helpful, event_id, occurred_at
        )
) as item
order by
    item.session_id asc,
    item.step_id collate "C" asc,
    item.user_id asc,
    item.occurred_at desc,
    item.event_id desc
on conflict (account_id, session_id, step_id, user_id) do update set
    was_helpful = excluded.was_helpful,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
> (stored.occurred_at, stored.event_id)
