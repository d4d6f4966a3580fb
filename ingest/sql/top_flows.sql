with outcomes as (
    select
        flow_id,
        sum(sessions)::bigint as sessions,
        sum(completed)::bigint as completed,
        sum(duration_microseconds)::bigint as duration_microseconds
    from marts.daily_outcomes
    where
        account_id = %(account_id)s
        and day between %(day_from)s and %(day_to)s
        and (%(user_id)s::uuid is null or user_id = %(user_id)s)
    group by flow_id
),

ratings as (
    select
        flow_id,
        sum(ratings)::bigint as ratings,
        sum(rating_points)::bigint as rating_points
    from marts.daily_ratings
    where
        account_id = %(account_id)s
        and day between %(day_from)s and %(day_to)s
        and (%(user_id)s::uuid is null or user_id = %(user_id)s)
    group by flow_id
)

select
    outcomes.flow_id,
    outcomes.sessions,
    outcomes.completed,
    outcomes.duration_microseconds,
    coalesce(flows.name, 'Unknown') as name,
    coalesce(ratings.ratings, 0) as ratings,
    coalesce(ratings.rating_points, 0) as rating_points
from outcomes
left join ratings
    on outcomes.flow_id = ratings.flow_id
left join marts.flows
    on
        flows.account_id = %(account_id)s
        and outcomes.flow_id = flows.flow_id
order by
    outcomes.sessions desc,
    coalesce(flows.name, 'Unknown') collate "C" asc,
    outcomes.flow_id asc
limit %(most)s
