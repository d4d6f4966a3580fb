select
    name,
    model,
    status <> 'pass' as is_failing,
    failures,
    failing_since,
    greatest(
        extract(epoch from now() - checked_at), 0
    )::double precision as seconds_ago
from live.checks
order by name
