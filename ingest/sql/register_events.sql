insert into raw.events (account_id, event_id, payload_hash, received_at)
select
    %(account_id)s,
    event.event_id,
    event.payload_hash,
    %(received_at)s
from
    unnest(%(event_ids)s::uuid[], %(payload_hashes)s::bytea[])
        as event (event_id, payload_hash)
order by event.event_id
on conflict (account_id, event_id) do nothing
returning event_id
