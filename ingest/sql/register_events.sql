-- Answers with the ids that came before: as a rule none.
with offered as (
    select
        event.event_id,
        event.payload_hash
    from
        unnest(%(event_id)s::uuid[], %(payload_hash)s::bytea[])
            as event (event_id, payload_hash)
),

registered as (
    insert into raw.events (account_id, event_id, payload_hash, received_at)
    select
        %(account_id)s,
        event.event_id,
        event.payload_hash,
        %(received_at)s
    from offered as event
    order by event.event_id
    on conflict (account_id, event_id) do nothing
    returning event_id
)

select event_id
from offered
where
    event_id not in (
        select registered.event_id
        from registered
    )
