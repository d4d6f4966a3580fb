select
    count(*) as changes,
    coalesce(
        greatest(extract(epoch from now() - min(received_at)), 0), 0
    )::double precision as oldest_seconds
from raw.changes
