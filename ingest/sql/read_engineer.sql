-- The figures of one engineer in a window as the last refresh stored them:
-- days, flows, and the engineer as a row among engineers. Or from raw: see
-- read_account.sql.
with recomputed as materialized (
    select
        day,
        rating_day,
        flow_id,
        user_id,
        sessions,
        completed,
        duration_microseconds,
        resolved,
        escalated,
        workaround,
        unresolved,
        ratings,
        rating_points
    from live.facts__recomputed
    where
        account_id = %(account_id)s
        and user_id = %(user_id)s
        and %(from_raw)s
        and (
            day between %(day_from)s and %(day_to)s
            or rating_day between %(day_from)s and %(day_to)s
        )
),

sessions as materialized (
    select
        day,
        flow_id,
        sessions,
        completed,
        duration_microseconds,
        resolved,
        escalated,
        workaround,
        unresolved
    from live.daily_outcomes__stored
    where
        account_id = %(account_id)s
        and user_id = %(user_id)s
        and day between %(day_from)s and %(day_to)s
        and not %(from_raw)s
    union all
    select
        day,
        flow_id,
        sessions,
        completed,
        duration_microseconds,
        resolved,
        escalated,
        workaround,
        unresolved
    from recomputed
    where day between %(day_from)s and %(day_to)s
),

ratings as (
    select
        flow_id,
        ratings,
        rating_points
    from live.daily_ratings__stored
    where
        account_id = %(account_id)s
        and user_id = %(user_id)s
        and day between %(day_from)s and %(day_to)s
        and not %(from_raw)s
    union all
    select
        flow_id,
        ratings,
        rating_points
    from recomputed
    where rating_day between %(day_from)s and %(day_to)s
),

days as (
    select
        day,
        sum(sessions)::bigint as sessions,
        sum(completed)::bigint as completed,
        sum(duration_microseconds)::bigint as duration_microseconds,
        sum(resolved)::bigint as resolved,
        sum(escalated)::bigint as escalated,
        sum(workaround)::bigint as workaround,
        sum(unresolved)::bigint as unresolved
    from sessions
    group by day
),

flows as (
    select
        parts.flow_id,
        sum(parts.sessions)::bigint as sessions,
        sum(parts.completed)::bigint as completed,
        sum(parts.duration_microseconds)::bigint as duration_microseconds,
        sum(parts.ratings)::bigint as ratings,
        sum(parts.rating_points)::bigint as rating_points
    from (
        select
            flow_id,
            sessions,
            completed,
            duration_microseconds,
            0 as ratings,
            0 as rating_points
        from sessions
        union all
        select
            flow_id,
            0 as sessions,
            0 as completed,
            0 as duration_microseconds,
            ratings,
            rating_points
        from ratings
    ) as parts
    group by parts.flow_id
),

engineers as (
    select
        %(user_id)s::uuid as user_id,
        coalesce(
            (
                select names.name
                from marts.users as names
                where
                    names.account_id = %(account_id)s
                    and names.user_id = %(user_id)s
            ),
            'Unknown'
        ) as name,
        sum(sessions)::bigint as sessions,
        sum(completed)::bigint as completed,
        sum(duration_microseconds)::bigint as duration_microseconds
    from days
    having count(*) > 0
),

named_flows as (
    select
        flows.flow_id,
        coalesce(names.name, 'Unknown') as name,
        flows.sessions,
        flows.completed,
        flows.duration_microseconds,
        flows.ratings,
        flows.rating_points
    from flows
    -- One look-up each, whatever the planner thinks of how many there are.
    left join lateral (
        select flow_names.name
        from marts.flows as flow_names
        where
            flow_names.account_id = %(account_id)s
            and flow_names.flow_id = flows.flow_id
        limit 1
    ) as names on true
)

select
    json_build_object(
        'days', coalesce((select json_agg(days) from days), '[]'),
        'flows',
        coalesce((select json_agg(named_flows) from named_flows), '[]'),
        'engineers',
        coalesce((select json_agg(engineers) from engineers), '[]')
    )::text as figures
