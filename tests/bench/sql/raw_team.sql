-- The team's figures straight from raw, in the shape of GET /analytics/team:
-- what one would write by hand if there were no marts. It reads the sessions of
-- the window once and sums them three ways, its ratings once and two ways. The
-- caller turns the days of the account's zone into instants: the planner then
-- knows how many rows that are.
with sessions_in_window as materialized (
    select
        sessions.flow_id,
        sessions.user_id,
        sessions.outcome,
        sessions.completed_at,
        session_ratings.rating,
        (sessions.started_at at time zone %(time_zone)s)::date as day,
        greatest(sessions.completed_at - sessions.started_at, interval '0')
            as duration
    from raw.sessions
    left join raw.session_ratings
        on
            sessions.account_id = session_ratings.account_id
            and sessions.session_id = session_ratings.session_id
            and sessions.completed_at is not null
    where
        sessions.account_id = %(account_id)s
        and sessions.started_at >= %(since)s
        and sessions.started_at < %(until)s
),

sums as (
    select
        day,
        flow_id,
        user_id,
        grouping(flow_id) = 0 as is_of_flow,
        grouping(user_id) = 0 as is_of_engineer,
        count(*) as sessions,
        count(completed_at) as completed,
        sum(duration) as duration,
        count(*) filter (where outcome = 'resolved') as resolved,
        count(*) filter (where outcome = 'escalated') as escalated,
        count(*) filter (where outcome = 'workaround') as workaround,
        count(*) filter (where outcome = 'unresolved') as unresolved,
        count(rating) as rated
    from sessions_in_window
    group by grouping sets (day, flow_id, user_id)
),

durations as (
    select
        percentile_disc(0.5) within group (order by duration) as p50,
        percentile_disc(0.9) within group (order by duration) as p90
    from sessions_in_window
    where completed_at is not null
),

ratings_in_window as materialized (
    select
        sessions.flow_id,
        session_ratings.rating,
        (session_ratings.occurred_at at time zone %(time_zone)s)::date as day
    from raw.session_ratings
    inner join raw.sessions
        on
            session_ratings.account_id = sessions.account_id
            and session_ratings.session_id = sessions.session_id
    where
        session_ratings.account_id = %(account_id)s
        and session_ratings.occurred_at >= %(since)s
        and session_ratings.occurred_at < %(until)s
        and sessions.started_at is not null
        and sessions.completed_at is not null
),

ratings as (
    select
        day,
        flow_id,
        count(*) as ratings,
        sum(rating) as rating_points,
        count(*) filter (where rating = 1) as rating_1,
        count(*) filter (where rating = 2) as rating_2,
        count(*) filter (where rating = 3) as rating_3,
        count(*) filter (where rating = 4) as rating_4,
        count(*) filter (where rating = 5) as rating_5
    from ratings_in_window
    group by grouping sets (day, flow_id)
),

days as (
    select
        calendar.day::date as day,
        coalesce(sums.sessions, 0) as sessions,
        coalesce(sums.completed, 0) as completed,
        coalesce(sums.duration, interval '0') as duration,
        coalesce(sums.resolved, 0) as resolved,
        coalesce(sums.escalated, 0) as escalated,
        coalesce(sums.workaround, 0) as workaround,
        coalesce(sums.unresolved, 0) as unresolved,
        coalesce(sums.rated, 0) as rated,
        coalesce(ratings.ratings, 0) as ratings,
        coalesce(ratings.rating_points, 0) as rating_points,
        coalesce(ratings.rating_1, 0) as rating_1,
        coalesce(ratings.rating_2, 0) as rating_2,
        coalesce(ratings.rating_3, 0) as rating_3,
        coalesce(ratings.rating_4, 0) as rating_4,
        coalesce(ratings.rating_5, 0) as rating_5
    from
        generate_series(
            %(day_from)s::date::timestamp,
            %(day_to)s::date::timestamp,
            interval '1 day'
        ) as calendar (day)
    left join sums on calendar.day::date = sums.day
    left join ratings on calendar.day::date = ratings.day
),

top_flows as (
    select
        sums.*,
        coalesce(ratings.ratings, 0) as ratings,
        ratings.rating_points::numeric / ratings.ratings as avg_csat,
        coalesce(flows.name, 'Unknown') as name
    from sums
    left join ratings
        on sums.flow_id = ratings.flow_id
    left join raw.flows
        on
            flows.account_id = %(account_id)s
            and sums.flow_id = flows.flow_id
    where sums.is_of_flow
    order by
        sums.sessions desc,
        coalesce(flows.name, 'Unknown') collate "C" asc,
        sums.flow_id asc
    limit 10
),

top_engineers as (
    select
        sums.*,
        coalesce(users.name, 'Unknown') as name
    from sums
    left join raw.users
        on
            users.account_id = %(account_id)s
            and sums.user_id = users.user_id
    where sums.is_of_engineer
    order by
        sums.sessions desc,
        coalesce(users.name, 'Unknown') collate "C" asc,
        sums.user_id asc
    limit 10
),

summary as (
    select
        sum(sessions) as sessions,
        sum(completed) as completed,
        sum(duration) as duration,
        sum(resolved) as resolved,
        sum(escalated) as escalated,
        sum(workaround) as workaround,
        sum(unresolved) as unresolved,
        sum(rated) as rated,
        sum(ratings) as ratings,
        sum(rating_points) as rating_points,
        sum(rating_1) as rating_1,
        sum(rating_2) as rating_2,
        sum(rating_3) as rating_3,
        sum(rating_4) as rating_4,
        sum(rating_5) as rating_5
    from days
)

select
    json_build_object(
        'summary', (
            select
                json_build_object(
                    'total_sessions', sessions,
                    'completed_sessions', completed,
                    'completion_rate',
                    coalesce(round(completed / nullif(sessions, 0), 3), 0),
                    'avg_duration_minutes',
                    coalesce(
                        round(
                            extract(epoch from duration)
                            / nullif(60 * completed, 0),
                            1
                        ),
                        0
                    ),
                    'outcome_breakdown', json_build_object(
                        'resolved', resolved,
                        'escalated', escalated,
                        'workaround', workaround,
                        'unresolved', unresolved
                    ),
                    'p50_duration_minutes',
                    round(extract(epoch from durations.p50) / 60, 1),
                    'p90_duration_minutes',
                    round(extract(epoch from durations.p90) / 60, 1),
                    'response_rate', round(rated / nullif(completed, 0), 3),
                    'total_ratings', ratings,
                    'avg_csat', round(rating_points / nullif(ratings, 0), 1),
                    'csat_percent',
                    round(
                        100 * (rating_4 + rating_5) / nullif(ratings, 0), 1
                    ),
                    'csat_distribution', json_build_object(
                        'rating_1', rating_1,
                        'rating_2', rating_2,
                        'rating_3', rating_3,
                        'rating_4', rating_4,
                        'rating_5', rating_5
                    ),
                    'active_engineers',
                    (
                        select count(*)
                        from sums
                        where is_of_engineer
                    )
                )
            from summary, durations
        ),
        'time_series', (
            select
                json_agg(
                    json_build_object(
                        'date', day,
                        'sessions', sessions,
                        'resolved', resolved,
                        'escalated', escalated,
                        'workaround', workaround,
                        'unresolved', unresolved,
                        'completed', completed,
                        'ratings', ratings,
                        'avg_csat',
                        round(rating_points::numeric / nullif(ratings, 0), 1)
                    )
                    order by day
                )
            from days
        ),
        'top_flows', (
            select
                coalesce(
                    json_agg(
                        json_build_object(
                            'tree_id', flow_id,
                            'name', name,
                            'sessions', sessions,
                            'completion_rate',
                            round(completed::numeric / sessions, 3),
                            'avg_duration_minutes',
                            coalesce(
                                round(
                                    extract(epoch from duration)
                                    / nullif(60 * completed, 0),
                                    1
                                ),
                                0
                            ),
                            'avg_csat', round(avg_csat, 1),
                            'ratings', ratings
                        )
                        order by
                            sessions desc, name collate "C" asc, flow_id asc
                    ),
                    '[]'
                )
            from top_flows
        ),
        'top_engineers', (
            select
                coalesce(
                    json_agg(
                        json_build_object(
                            'user_id', user_id,
                            'name', name,
                            'sessions', sessions,
                            'completion_rate',
                            round(completed::numeric / sessions, 3),
                            'avg_duration_minutes',
                            coalesce(
                                round(
                                    extract(epoch from duration)
                                    / nullif(60 * completed, 0),
                                    1
                                ),
                                0
                            )
                        )
                        order by
                            sessions desc, name collate "C" asc, user_id asc
                    ),
                    '[]'
                )
            from top_engineers
        )
    )::text as body
