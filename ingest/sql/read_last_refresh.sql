select
    greatest(
        extract(epoch from now() - max(refreshed_at)), 0
    )::double precision as seconds
from live.refreshes
