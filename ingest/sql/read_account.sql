-- The figures of an account in a window as the last refresh stored them: its
-- days, flows and engineers.
with spans as materialized (
    select
        asked.span_days,
        asked.day_from
    from
        unnest(%(span_days)s::integer[], %(span_from)s::date[])
            as asked (span_days, day_from)
),

days as (
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
),

durations as (
    select
        rollups.duration_bucket,
        sum(rollups.completed)::bigint as completed
    from spans
    inner join live.account_durations__stored as rollups
        on
            rollups.account_id = %(account_id)s
            and spans.span_days = rollups.span_days
            and spans.day_from = rollups.day_from
    group by rollups.duration_bucket
),

flows as (
    select
        rollups.flow_id,
        sum(rollups.sessions)::bigint as sessions,
        sum(rollups.completed)::bigint as completed,
        sum(rollups.duration_microseconds)::bigint as duration_microseconds,
        sum(rollups.ratings)::bigint as ratings,
        sum(rollups.rating_points)::bigint as rating_points
    from spans
    inner join live.flow_rollups__stored as rollups
        on
            rollups.account_id = %(account_id)s
            and spans.span_days = rollups.span_days
            and spans.day_from = rollups.day_from
    group by rollups.flow_id
),

engineers as (
    select
        rollups.user_id,
        sum(rollups.sessions)::bigint as sessions,
        sum(rollups.completed)::bigint as completed,
        sum(rollups.duration_microseconds)::bigint as duration_microseconds
    from spans
    inner join live.engineer_rollups__stored as rollups
        on
            rollups.account_id = %(account_id)s
            and spans.span_days = rollups.span_days
            and spans.day_from = rollups.day_from
    group by rollups.user_id
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
