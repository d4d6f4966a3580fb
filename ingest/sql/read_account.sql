-- The figures of an account in a window as the last refresh stored them: its
-- days, flows and engineers. Or, if so much has changed since that correcting
-- them would take longer, from raw.
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
        rating_points,
        rating_1,
        rating_2,
        rating_3,
        rating_4,
        rating_5,
        duration_bucket
    from live.facts__recomputed
    where
        account_id = %(account_id)s
        and %(from_raw)s
        and (
            day between %(day_from)s and %(day_to)s
            or rating_day between %(day_from)s and %(day_to)s
        )
),

spans as materialized (
    select
        asked.span_days,
        asked.day_from
    from
        unnest(%(span_days)s::integer[], %(span_from)s::date[])
            as asked (span_days, day_from)
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
            ratings,
            rating_points,
            rating_1,
            rating_2,
            rating_3,
            rating_4,
            rating_5
        from live.account_days__stored
        where
            account_id = %(account_id)s
            and day between %(day_from)s and %(day_to)s
            and not %(from_raw)s
        union all
        select
            day,
            sessions,
            completed,
            duration_microseconds,
            resolved,
            escalated,
            workaround,
            unresolved,
            ratings as rated,
            0 as ratings,
            0 as rating_points,
            0 as rating_1,
            0 as rating_2,
            0 as rating_3,
            0 as rating_4,
            0 as rating_5
        from recomputed
        where day between %(day_from)s and %(day_to)s
        union all
        select
            rating_day as day,
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
        from recomputed
        where rating_day between %(day_from)s and %(day_to)s
    ) as parts
    group by parts.day
),

durations as (
    select
        parts.duration_bucket,
        sum(parts.completed)::bigint as completed
    from (
        select
            rollups.duration_bucket,
            rollups.completed
        from spans
        inner join live.account_durations__stored as rollups
            on
                rollups.account_id = %(account_id)s
                and spans.span_days = rollups.span_days
                and spans.day_from = rollups.day_from
        where not %(from_raw)s
        union all
        select
            duration_bucket,
            completed
        from recomputed
        where
            day between %(day_from)s and %(day_to)s
            and duration_bucket is not null
    ) as parts
    group by parts.duration_bucket
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
            rollups.flow_id,
            rollups.sessions,
            rollups.completed,
            rollups.duration_microseconds,
            rollups.ratings,
            rollups.rating_points
        from spans
        inner join live.flow_rollups__stored as rollups
            on
                rollups.account_id = %(account_id)s
                and spans.span_days = rollups.span_days
                and spans.day_from = rollups.day_from
        where not %(from_raw)s
        union all
        select
            flow_id,
            sessions,
            completed,
            duration_microseconds,
            0 as ratings,
            0 as rating_points
        from recomputed
        where day between %(day_from)s and %(day_to)s
        union all
        select
            flow_id,
            0 as sessions,
            0 as completed,
            0 as duration_microseconds,
            ratings,
            rating_points
        from recomputed
        where rating_day between %(day_from)s and %(day_to)s
    ) as parts
    group by parts.flow_id
),

engineers as (
    select
        parts.user_id,
        sum(parts.sessions)::bigint as sessions,
        sum(parts.completed)::bigint as completed,
        sum(parts.duration_microseconds)::bigint as duration_microseconds
    from (
        select
            rollups.user_id,
            rollups.sessions,
            rollups.completed,
            rollups.duration_microseconds
        from spans
        inner join live.engineer_rollups__stored as rollups
            on
                rollups.account_id = %(account_id)s
                and spans.span_days = rollups.span_days
                and spans.day_from = rollups.day_from
        where not %(from_raw)s
        union all
        select
            user_id,
            sessions,
            completed,
            duration_microseconds
        from recomputed
        where day between %(day_from)s and %(day_to)s
    ) as parts
    group by parts.user_id
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
),

named_engineers as (
    select
        engineers.user_id,
        coalesce(names.name, 'Unknown') as name,
        engineers.sessions,
        engineers.completed,
        engineers.duration_microseconds
    from engineers
    left join lateral (
        select user_names.name
        from marts.users as user_names
        where
            user_names.account_id = %(account_id)s
            and user_names.user_id = engineers.user_id
        limit 1
    ) as names on true
)

select
    json_build_object(
        'days', coalesce((select json_agg(days) from days), '[]'),
        'flows',
        coalesce((select json_agg(named_flows) from named_flows), '[]'),
        'engineers',
        coalesce((select json_agg(named_engineers) from named_engineers), '[]'),
        'durations',
        coalesce(
            (
                select json_object_agg(duration_bucket, completed)
                from durations
            ),
            '{}'
        )
    )::text as figures
