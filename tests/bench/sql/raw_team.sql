-- The team's figures straight from raw, in the shape of GET /analytics/team:
-- what one would write by hand if there were no marts. It reads the sessions of
-- the window once and sums them three ways. The caller turns the days of the
-- account's zone into instants: the planner then knows how many rows that are.
with sessions_in_window as (
    select
        flow_id,
        user_id,
        outcome,
        completed_at,
        (started_at at time zone %(time_zone)s)::date as day,
        greatest(completed_at - started_at, interval '0') as duration
    from raw.sessions
    where
        account_id = %(account_id)s
        and started_at >= %(since)s
        and started_at < %(until)s
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
        count(*) filter (where outcome = 'unresolved') as unresolved
    from sessions_in_window
    group by grouping sets (day, flow_id, user_id)
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
        coalesce(sums.unresolved, 0) as unresolved
    from
        generate_series(
            %(day_from)s::date::timestamp,
            %(day_to)s::date::timestamp,
            interval '1 day'
        ) as calendar (day)
    left join sums
        on
            calendar.day::date = sums.day
            and not sums.is_of_flow
            and not sums.is_of_engineer
),

ratings as (
    select
        sessions.flow_id,
        avg(session_ratings.rating) as avg_csat
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
    group by sessions.flow_id
),

top_flows as (
    select
        sums.*,
        ratings.avg_csat,
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
        sum(unresolved) as unresolved
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
                    )
                )
            from summary
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
                        'unresolved', unresolved
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
                            'avg_csat', round(avg_csat, 1)
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
