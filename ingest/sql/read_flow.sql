-- The figures of one flow in a window: its days with their ratings, the votes
-- on its steps, and its newest comments of all time. See read_account.sql.
with corrections as materialized (
    select *
    from live.facts__difference
    where
        account_id = %(account_id)s
        and flow_id = %(flow_id)s
        and not %(from_raw)s
    union all
    select *
    from live.facts__recomputed
    where
        account_id = %(account_id)s
        and flow_id = %(flow_id)s
        and %(from_raw)s
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
        sum(parts.ratings)::bigint as ratings,
        sum(parts.rating_points)::bigint as rating_points
    from (
        -- A look-up a day: the key has the day before the flow.
        select
            calendar.day::date as day,
            rollups.sessions,
            rollups.completed,
            rollups.duration_microseconds,
            rollups.resolved,
            rollups.escalated,
            rollups.workaround,
            rollups.unresolved,
            rollups.ratings,
            rollups.rating_points
        from
            generate_series(
                %(day_from)s::date::timestamp,
                %(day_to)s::date::timestamp,
                interval '1 day'
            ) as calendar (day)
        inner join live.flow_rollups__stored as rollups
            on
                rollups.account_id = %(account_id)s
                and rollups.span_days = 1
                and rollups.day_from = calendar.day::date
                and rollups.flow_id = %(flow_id)s
        where not %(from_raw)s
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
            0 as ratings,
            0 as rating_points
        from corrections
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
            ratings,
            rating_points
        from corrections
        where rating_day between %(day_from)s and %(day_to)s
    ) as parts
    group by parts.day
),

sessions_ever as (
    select sum(parts.sessions) as sessions
    from (
        select sessions
        from live.flow_rollups__stored
        where
            account_id = %(account_id)s
            and span_days = 256
            and flow_id = %(flow_id)s
            and not %(from_raw)s
        union all
        select sessions
        from corrections
    ) as parts
),

votes as (
    select
        parts.step_id,
        sum(parts.helpful_yes)::bigint as helpful_yes,
        sum(parts.helpful_no)::bigint as helpful_no
    from (
        select
            step_id,
            helpful_yes,
            helpful_no
        from live.daily_step_feedback__stored
        where
            account_id = %(account_id)s
            and flow_id = %(flow_id)s
            and day between %(day_from)s and %(day_to)s
            and not %(from_raw)s
        union all
        select
            step_id,
            helpful_yes,
            helpful_no
        from live.step_vote_facts__difference
        where
            account_id = %(account_id)s
            and flow_id = %(flow_id)s
            and day between %(day_from)s and %(day_to)s
            and not %(from_raw)s
        union all
        select
            step_id,
            helpful_yes,
            helpful_no
        from live.step_vote_facts__recomputed
        where
            account_id = %(account_id)s
            and flow_id = %(flow_id)s
            and day between %(day_from)s and %(day_to)s
            and %(from_raw)s
    ) as parts
    group by parts.step_id
    having sum(parts.helpful_yes) <> 0 or sum(parts.helpful_no) <> 0
),

steps as (
    select
        step_id,
        title,
        position,
        is_current
    from marts.flow_steps
    where account_id = %(account_id)s and flow_id = %(flow_id)s
),

-- The flow's steps of today, voted on or not, then those it dropped and those
-- it never named that have votes in the window.
shown_steps as (
    select
        coalesce(steps.step_id, votes.step_id) as step_id,
        coalesce(steps.title, 'Unknown') as title,
        coalesce(votes.helpful_yes, 0) as helpful_yes,
        coalesce(votes.helpful_no, 0) as helpful_no
    from steps
    full join votes
        on steps.step_id = votes.step_id
    where steps.is_current or votes.step_id is not null
    order by
        coalesce(steps.is_current, false) desc,
        steps.position asc nulls last,
        coalesce(steps.step_id, votes.step_id) collate "C" asc
),

-- Comments are personal data: they are in no model, and read from here alone.
comments as (
    select
        session_ratings.rating,
        session_ratings.comment,
        session_ratings.occurred_at as created_at,
        coalesce(users.name, 'Unknown') as user_name
    from raw.session_ratings
    inner join raw.sessions
        on
            session_ratings.account_id = sessions.account_id
            and session_ratings.session_id = sessions.session_id
    left join raw.users
        on
            sessions.account_id = users.account_id
            and sessions.user_id = users.user_id
    where
        session_ratings.account_id = %(account_id)s
        and sessions.flow_id = %(flow_id)s
        and sessions.completed_at is not null
        and session_ratings.comment is not null
        and session_ratings.comment <> ''
    order by session_ratings.occurred_at desc, session_ratings.event_id desc
    limit %(most)s
)

select
    json_build_object(
        'is_known',
        exists (
            select true
            from marts.flows
            where
                flows.account_id = %(account_id)s
                and flows.flow_id = %(flow_id)s
        )
        or exists (
            select true
            from sessions_ever
            where sessions_ever.sessions > 0
        ),
        'days', coalesce((select json_agg(days) from days), '[]'),
        'steps',
        coalesce((select json_agg(shown_steps) from shown_steps), '[]'),
        'comments', coalesce((select json_agg(comments) from comments), '[]')
    )::text as figures
