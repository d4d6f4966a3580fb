-- Every day of the window, with zeros where nothing started.
select
    calendar.day::date as day,
    coalesce(sum(daily_outcomes.sessions), 0)::bigint as sessions,
    coalesce(sum(daily_outcomes.completed), 0)::bigint as completed,
    coalesce(sum(daily_outcomes.duration_microseconds), 0)::bigint
        as duration_microseconds,
    coalesce(sum(daily_outcomes.resolved), 0)::bigint as resolved,
    coalesce(sum(daily_outcomes.escalated), 0)::bigint as escalated,
    coalesce(sum(daily_outcomes.workaround), 0)::bigint as workaround,
    coalesce(sum(daily_outcomes.unresolved), 0)::bigint as unresolved
from
    generate_series(
        %(day_from)s::date::timestamp,
        %(day_to)s::date::timestamp,
        interval '1 day'
    ) as calendar (day)
left join marts.daily_outcomes
    on
        daily_outcomes.account_id = %(account_id)s
        and daily_outcomes.day = calendar.day::date
        and (
            %(user_id)s::uuid is null
            or daily_outcomes.user_id = %(user_id)s
        )
        and (
            %(flow_id)s::uuid is null
            or daily_outcomes.flow_id = %(flow_id)s
        )
group by calendar.day
order by calendar.day
