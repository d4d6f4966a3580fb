-- The other way round than everywhere else: the first rating stands.
insert into raw.session_ratings as stored (
    account_id, session_id, rating, comment, event_id, occurred_at, received_at
)
select
    %(account_id)s,
    item.session_id,
    item.rating,
    item.comment,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    jsonb_to_recordset(%(items)s)
        as item (
            session_id uuid,
            rating smallint,
            comment text,
            event_id uuid,
            occurred_at timestamptz
        )
on conflict (account_id, session_id) do update set
    rating = excluded.rating,
    comment = excluded.comment,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
< (stored.occurred_at, stored.event_id)
