select
    coalesce(sum(ratings), 0)::bigint as ratings,
    coalesce(sum(rating_points), 0)::bigint as rating_points
from marts.daily_ratings
where
    account_id = %(account_id)s
    and flow_id = %(flow_id)s
    and day between %(day_from)s and %(day_to)s
