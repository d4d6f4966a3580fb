select
    event_id,
    payload_hash
from raw.events
where account_id = %(account_id)s and event_id = any(%(event_ids)s)
