select
    name,
    coalesce(model, '') as model,
    failing_since is not null as is_failing,
    failing_since,
    greatest(
        extract(epoch from now() - checked_at), 0
    )::double precision as seconds_ago
from live.checks
order by name
