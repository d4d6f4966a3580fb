-- The figures of one engineer in a window as the last refresh stored them:
-- days, flows, and the engineer as a row among engineers.
with sessions as materialized (
    select
        day,
        flow_id,
        sessions,
        completed,
        duration_microseconds,
        resolved,
        escalated,
        workaround,
        unresolved,
        rated
    from live.daily_outcomes__stored
    where
        account_id = %(account_id)s
        and user_id = %(user_id)s
        and day between %(day_from)s and %(day_to)s
),

ratings as materialized (
    select
        day,
        flow_id,
        ratings,
        rating_points,
        rating_1,
        rating_2,
        rating_3,
        rating_4,
        rating_5
    from live.daily_ratings__stored
    where
        account_id = %(account_id)s
        and user_id = %(user_id)s
        and day between %(day_from)s and %(day_to)s
),

days as (
    select
        parts.day,
        sum(parts.sessions)::bigint as sessions,
        sum(parts.completed)::bigint as completed,
        sum(parts.duration_microseconds)::bigint as duration_microseconds,
        sum(parts.resolved)::bigint as resolved,
        sum(parts.escalated)::bigint as escalated,
        sum(parts.workaround)::bigint as workaround,
        sum(parts.unresolved)::bigint as unresolved,
        sum(parts.rated)::bigint as rated,
        sum(parts.ratings)::bigint as ratings,
        sum(parts.rating_points)::bigint as rating_points,
        sum(parts.rating_1)::bigint as rating_1,
        sum(parts.rating_2)::bigint as rating_2,
        sum(parts.rating_3)::bigint as rating_3,
        sum(parts.rating_4)::bigint as rating_4,
        sum(parts.rating_5)::bigint as rating_5
    from (
        select
            day,
            sessions,
            completed,
            duration_microseconds,
            resolved,
            escalated,
            workaround,
            unresolved,
            rated,
            0 as ratings,
            0 as rating_points,
            0 as rating_1,
            0 as rating_2,
            0 as rating_3,
            0 as rating_4,
            0 as rating_5
        from sessions
        union all
        select
            day,
            0 as sessions,
            0 as completed,
            0 as duration_microseconds,
            0 as resolved,
            0 as escalated,
            0 as workaround,
            0 as unresolved,
            0 as rated,
            ratings,
            rating_points,
            rating_1,
            rating_2,
            rating_3,
            rating_4,
            rating_5
        from ratings
    ) as parts
    group by parts.day
),

-- Nobody has so many sessions that they have to be counted beforehand.
durations as (
    select
        duration_bucket,
        sum(completed)::bigint as completed
    from live.facts__stored
    where
        account_id = %(account_id)s
        and user_id = %(user_id)s
        and day between %(day_from)s and %(day_to)s
        and duration_bucket is not null
    group by duration_bucket
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
    from sessions
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
        coalesce((select json_agg(engineers) from engineers), '[]'),
        'durations',
        coalesce(
            (
                select json_object_agg(duration_bucket, completed)
                from durations
            ),
            '{}'
        )
    )::text as figures
