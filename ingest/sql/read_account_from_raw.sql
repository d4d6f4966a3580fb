-- What read_account.sql and read_engineer.sql have, computed from raw: where so
-- much has changed that to correct what is stored would take longer. Of one
-- engineer, if one is named.
--
-- An index has instants, not days, and a day is dear to compute: what starts or
-- was rated more than a day from the window by UTC is in it nowhere.
--
-- Materialized: no condition gets below grouping sets, and a day that is also a
-- condition would be computed once for each of its bounds.
with started_sessions as materialized (
    select
        day,
        flow_id,
        user_id,
        duration_bucket,
        sessions,
        completed,
        duration_microseconds,
        resolved,
        escalated,
        workaround,
        unresolved,
        ratings
    from live.facts__recomputed
    where
        account_id = %(account_id)s
        and (%(user_id)s::uuid is null or user_id = %(user_id)s)
        and started_at >= (%(day_from)s::date - 1)::timestamptz
        and started_at < (%(day_to)s::date + 2)::timestamptz
),

started as (
    select
        day,
        flow_id,
        user_id,
        duration_bucket,
        grouping(day) = 0 as is_of_day,
        grouping(flow_id) = 0 as is_of_flow,
        grouping(user_id) = 0 as is_of_engineer,
        sum(sessions)::bigint as sessions,
        sum(completed)::bigint as completed,
        sum(duration_microseconds)::bigint as duration_microseconds,
        sum(resolved)::bigint as resolved,
        sum(escalated)::bigint as escalated,
        sum(workaround)::bigint as workaround,
        sum(unresolved)::bigint as unresolved,
        sum(ratings)::bigint as rated
    from started_sessions
    where day between %(day_from)s and %(day_to)s
    group by grouping sets (day, flow_id, user_id, duration_bucket)
),

rated_sessions as materialized (
    select
        rating_day as day,
        flow_id,
        ratings,
        rating_points,
        rating_1,
        rating_2,
        rating_3,
        rating_4,
        rating_5
    from live.facts__recomputed
    where
        account_id = %(account_id)s
        and (%(user_id)s::uuid is null or user_id = %(user_id)s)
        and rated_at >= (%(day_from)s::date - 1)::timestamptz
        and rated_at < (%(day_to)s::date + 2)::timestamptz
),

rated as (
    select
        day,
        flow_id,
        grouping(day) = 0 as is_of_day,
        sum(ratings)::bigint as ratings,
        sum(rating_points)::bigint as rating_points,
        sum(rating_1)::bigint as rating_1,
        sum(rating_2)::bigint as rating_2,
        sum(rating_3)::bigint as rating_3,
        sum(rating_4)::bigint as rating_4,
        sum(rating_5)::bigint as rating_5
    from rated_sessions
    where day between %(day_from)s and %(day_to)s
    group by grouping sets (day, flow_id)
),

started_by_day as (
    select *
    from started
    where is_of_day
),

rated_by_day as (
    select *
    from rated
    where is_of_day
),

days as (
    select
        coalesce(started.day, rated.day) as day,
        coalesce(started.sessions, 0) as sessions,
        coalesce(started.completed, 0) as completed,
        coalesce(started.duration_microseconds, 0) as duration_microseconds,
        coalesce(started.resolved, 0) as resolved,
        coalesce(started.escalated, 0) as escalated,
        coalesce(started.workaround, 0) as workaround,
        coalesce(started.unresolved, 0) as unresolved,
        coalesce(started.rated, 0) as rated,
        coalesce(rated.ratings, 0) as ratings,
        coalesce(rated.rating_points, 0) as rating_points,
        coalesce(rated.rating_1, 0) as rating_1,
        coalesce(rated.rating_2, 0) as rating_2,
        coalesce(rated.rating_3, 0) as rating_3,
        coalesce(rated.rating_4, 0) as rating_4,
        coalesce(rated.rating_5, 0) as rating_5
    from started_by_day as started
    full join rated_by_day as rated
        on started.day = rated.day
),

started_by_flow as (
    select *
    from started
    where is_of_flow
),

rated_by_flow as (
    select *
    from rated
    where not is_of_day
),

flows as (
    select
        coalesce(started.flow_id, rated.flow_id) as flow_id,
        coalesce(started.sessions, 0) as sessions,
        coalesce(started.completed, 0) as completed,
        coalesce(started.duration_microseconds, 0) as duration_microseconds,
        coalesce(rated.ratings, 0) as ratings,
        coalesce(rated.rating_points, 0) as rating_points
    from started_by_flow as started
    full join rated_by_flow as rated
        on started.flow_id = rated.flow_id
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
    left join marts.flows as names
        on
            names.account_id = %(account_id)s
            and flows.flow_id = names.flow_id
),

named_engineers as (
    select
        engineers.user_id,
        coalesce(names.name, 'Unknown') as name,
        engineers.sessions,
        engineers.completed,
        engineers.duration_microseconds
    from started as engineers
    left join marts.users as names
        on
            names.account_id = %(account_id)s
            and engineers.user_id = names.user_id
    where engineers.is_of_engineer
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
                from started
                where duration_bucket is not null
            ),
            '{}'
        )
    )::text as figures
