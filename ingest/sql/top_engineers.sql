with outcomes as (
    select
        user_id,
        sum(sessions)::bigint as sessions,
        sum(completed)::bigint as completed,
        sum(duration_microseconds)::bigint as duration_microseconds
    from marts.daily_outcomes
    where
        account_id = %(account_id)s
        and day between %(day_from)s and %(day_to)s
        and (%(user_id)s::uuid is null or user_id = %(user_id)s)
    group by user_id
)

select
    outcomes.user_id,
    outcomes.sessions,
    outcomes.completed,
    outcomes.duration_microseconds,
    coalesce(users.name, 'Unknown') as name
from outcomes
left join marts.users
    on
        users.account_id = %(account_id)s
        and outcomes.user_id = users.user_id
order by
    outcomes.sessions desc,
    coalesce(users.name, 'Unknown') collate "C" asc,
    outcomes.user_id asc
limit %(most)s
