-- The same as raw_team.sql in the way that comes to mind first: a query for
-- each part, each of which reads and joins what it needs of the account, and
-- asks each row for its day.
select
    json_build_object(
        'summary', (
            select
                jsonb_build_object(
                    'total_sessions', count(*),
                    'completed_sessions', count(completed_at),
                    'completion_rate',
                    coalesce(
                        round(
                            count(completed_at) / nullif(count(*), 0)::numeric,
                            3
                        ),
                        0
                    ),
                    'avg_duration_minutes',
                    coalesce(
                        round(
                            avg(
                                extract(
                                    epoch from greatest(
                                        completed_at - started_at, interval '0'
                                    )
                                )
                            ) filter (where completed_at is not null) / 60,
                            1
                        ),
                        0
                    ),
                    'outcome_breakdown', json_build_object(
                        'resolved',
                        count(*) filter (where outcome = 'resolved'),
                        'escalated',
                        count(*) filter (where outcome = 'escalated'),
                        'workaround',
                        count(*) filter (where outcome = 'workaround'),
                        'unresolved',
                        count(*) filter (where outcome = 'unresolved')
                    ),
                    'p50_duration_minutes',
                    round(
                        extract(
                            epoch from percentile_disc(0.5) within group (
                                order by
                                    greatest(
                                        completed_at - started_at, interval '0'
                                    )
                            ) filter (where completed_at is not null)
                        ) / 60,
                        1
                    ),
                    'p90_duration_minutes',
                    round(
                        extract(
                            epoch from percentile_disc(0.9) within group (
                                order by
                                    greatest(
                                        completed_at - started_at, interval '0'
                                    )
                            ) filter (where completed_at is not null)
                        ) / 60,
                        1
                    ),
                    'response_rate',
                    round(
                        count(*) filter (
                            where
                            completed_at is not null
                            and exists (
                                select
                                from raw.session_ratings as ratings
                                where
                                    ratings.account_id = sessions.account_id
                                    and ratings.session_id
                                    = sessions.session_id
                            )
                        ) / nullif(count(completed_at), 0)::numeric,
                        3
                    ),
                    'active_engineers', count(distinct user_id)
                )
            from raw.sessions
            where
                account_id = %(account_id)s
                and (started_at at time zone %(time_zone)s)::date
                between %(day_from)s and %(day_to)s
        ) || (
            select
                jsonb_build_object(
                    'total_ratings', count(*),
                    'avg_csat', round(avg(ratings.rating), 1),
                    'csat_percent',
                    round(
                        100 * avg((ratings.rating >= 4)::integer), 1
                    ),
                    'csat_distribution', json_build_object(
                        'rating_1',
                        count(*) filter (where ratings.rating = 1),
                        'rating_2',
                        count(*) filter (where ratings.rating = 2),
                        'rating_3',
                        count(*) filter (where ratings.rating = 3),
                        'rating_4',
                        count(*) filter (where ratings.rating = 4),
                        'rating_5',
                        count(*) filter (where ratings.rating = 5)
                    )
                )
            from raw.session_ratings as ratings
            inner join raw.sessions as rated
                on
                    ratings.account_id = rated.account_id
                    and ratings.session_id = rated.session_id
            where
                rated.account_id = %(account_id)s
                and rated.completed_at is not null
                and (ratings.occurred_at at time zone %(time_zone)s)::date
                between %(day_from)s and %(day_to)s
        ),
        'time_series', (
            select
                json_agg(
                    json_build_object(
                        'date', days.day,
                        'sessions', days.sessions,
                        'resolved', days.resolved,
                        'escalated', days.escalated,
                        'workaround', days.workaround,
                        'unresolved', days.unresolved,
                        'completed', days.completed,
                        'ratings', coalesce(ratings.ratings, 0),
                        'avg_csat', round(ratings.avg_csat, 1)
                    )
                    order by days.day
                )
            from (
                select
                    calendar.day::date as day,
                    count(sessions.session_id) as sessions,
                    count(*) filter (where sessions.outcome = 'resolved')
                        as resolved,
                    count(*) filter (where sessions.outcome = 'escalated')
                        as escalated,
                    count(*) filter (where sessions.outcome = 'workaround')
                        as workaround,
                    count(*) filter (where sessions.outcome = 'unresolved')
                        as unresolved
                from
                    generate_series(
                        %(day_from)s::date::timestamp,
                        %(day_to)s::date::timestamp,
                        interval '1 day'
                    ) as calendar (day)
                left join raw.sessions
                    on
                        sessions.account_id = %(account_id)s
                        and (
                            sessions.started_at at time zone %(time_zone)s
                        )::date
                        = calendar.day::date
                group by calendar.day
            ) as days
            left join (
                select
                    (ratings.occurred_at at time zone %(time_zone)s)::date
                        as day,
                    count(*) as ratings,
                    avg(ratings.rating) as avg_csat
                from raw.session_ratings as ratings
                inner join raw.sessions as rated
                    on
                        ratings.account_id = rated.account_id
                        and ratings.session_id = rated.session_id
                where
                    rated.account_id = %(account_id)s
                    and rated.completed_at is not null
                group by day
            ) as ratings
                on days.day = ratings.day
        ),
        'top_flows', (
            select
                coalesce(
                    json_agg(
                        json_build_object(
                            'tree_id', top.flow_id,
                            'name', top.name,
                            'sessions', top.sessions,
                            'completion_rate',
                            round(top.completed::numeric / top.sessions, 3),
                            'avg_duration_minutes',
                            coalesce(round(top.minutes, 1), 0),
                            'avg_csat', round(csat.avg_csat, 1),
                            'ratings', csat.ratings
                        )
                        order by
                            top.sessions desc,
                            top.name collate "C" asc,
                            top.flow_id asc
                    ),
                    '[]'
                )
            from (
                select
                    sessions.flow_id,
                    coalesce(max(flows.name), 'Unknown') as name,
                    count(*) as sessions,
                    count(sessions.completed_at) as completed,
                    avg(
                        extract(
                            epoch from greatest(
                                sessions.completed_at - sessions.started_at,
                                interval '0'
                            )
                        )
                    ) filter (where sessions.completed_at is not null) / 60
                        as minutes
                from raw.sessions
                left join raw.flows
                    on
                        sessions.account_id = flows.account_id
                        and sessions.flow_id = flows.flow_id
                where
                    sessions.account_id = %(account_id)s
                    and (sessions.started_at at time zone %(time_zone)s)::date
                    between %(day_from)s and %(day_to)s
                group by sessions.flow_id
                order by
                    count(*) desc,
                    coalesce(max(flows.name), 'Unknown') collate "C" asc,
                    sessions.flow_id asc
                limit 10
            ) as top
            cross join lateral (
                select
                    count(*) as ratings,
                    avg(ratings.rating) as avg_csat
                from raw.session_ratings as ratings
                inner join raw.sessions as rated
                    on
                        ratings.account_id = rated.account_id
                        and ratings.session_id = rated.session_id
                where
                    rated.account_id = %(account_id)s
                    and rated.flow_id = top.flow_id
                    and rated.completed_at is not null
                    and (ratings.occurred_at at time zone %(time_zone)s)::date
                    between %(day_from)s and %(day_to)s
            ) as csat
        ),
        'top_engineers', (
            select
                coalesce(
                    json_agg(
                        json_build_object(
                            'user_id', top.user_id,
                            'name', top.name,
                            'sessions', top.sessions,
                            'completion_rate',
                            round(top.completed::numeric / top.sessions, 3),
                            'avg_duration_minutes',
                            coalesce(round(top.minutes, 1), 0)
                        )
                        order by
                            top.sessions desc,
                            top.name collate "C" asc,
                            top.user_id asc
                    ),
                    '[]'
                )
            from (
                select
                    sessions.user_id,
                    coalesce(max(users.name), 'Unknown') as name,
                    count(*) as sessions,
                    count(sessions.completed_at) as completed,
                    avg(
                        extract(
                            epoch from greatest(
                                sessions.completed_at - sessions.started_at,
                                interval '0'
                            )
                        )
                    ) filter (where sessions.completed_at is not null) / 60
                        as minutes
                from raw.sessions
                left join raw.users
                    on
                        sessions.account_id = users.account_id
                        and sessions.user_id = users.user_id
                where
                    sessions.account_id = %(account_id)s
                    and (sessions.started_at at time zone %(time_zone)s)::date
                    between %(day_from)s and %(day_to)s
                group by sessions.user_id
                order by
                    count(*) desc,
                    coalesce(max(users.name), 'Unknown') collate "C" asc,
                    sessions.user_id asc
                limit 10
            ) as top
        )
    )::text as body
