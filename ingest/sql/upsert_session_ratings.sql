-- The other way round than everywhere else: the first rating stands.
insert into raw.session_ratings as stored (
    account_id, session_id, rating, comment, event_id, occurred_at, received_at
)
select distinct on (item.session_id)
    %(account_id)s,
    item.session_id,
    item.rating,
    item.comment,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    unnest(
        %(session_id)s::uuid[],
        %(rating)s::smallint[],
        %(comment)s::text[],
        %(event_id)s::uuid[],
        %(occurred_at)s::timestamptz[]
    ) as item (session_id, rating, comment, event_id, occurred_at)
order by item.session_id asc, item.occurred_at asc, item.event_id asc
on conflict (account_id, session_id) do update set
    rating = excluded.rating,
    comment = excluded.comment,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    received_at = excluded.received_at
where
(excluded.occurred_at, excluded.event_id)
< (stored.occurred_at, stored.event_id)
