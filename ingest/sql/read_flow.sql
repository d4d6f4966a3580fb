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

-- The pending sessions that are of the flow now.
pending_here as materialized (
    select session_id
    from corrections
    where sessions > 0 and not %(from_raw)s
),

-- Those of every flow: a refresh reads model after model, so the visits and
-- votes of a session that changed meanwhile may be stored for another flow than
-- the session is.
pending_sessions as materialized (
    select session_id
    from live.pending_sessions
    where account_id = %(account_id)s and not %(from_raw)s
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
            rollups.rated,
            rollups.ratings,
            rollups.rating_points,
            rollups.rating_1,
            rollups.rating_2,
            rollups.rating_3,
            rollups.rating_4,
            rollups.rating_5
        from
            generate_series(
                %(day_from)s::date::timestamp,
                %(day_to)s::date::timestamp,
                interval '1 day'
            ) as calendar (day)
        inner join lateral (
            select stored.*
            from live.flow_rollups__stored as stored
            where
                stored.account_id = %(account_id)s
                and stored.span_days = 1
                and stored.day_from = calendar.day::date
                and stored.flow_id = %(flow_id)s
            offset 0
        ) as rollups on true
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
            ratings as rated,
            0 as ratings,
            0 as rating_points,
            0 as rating_1,
            0 as rating_2,
            0 as rating_3,
            0 as rating_4,
            0 as rating_5
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
            0 as rated,
            ratings,
            rating_points,
            rating_1,
            rating_2,
            rating_3,
            rating_4,
            rating_5
        from corrections
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
        from
            unnest(
                %(duration_span_days)s::integer[],
                %(duration_span_from)s::date[]
            ) as spans (span_days, day_from)
        inner join live.flow_durations__stored as rollups
            on
                rollups.account_id = %(account_id)s
                and spans.span_days = rollups.span_days
                and spans.day_from = rollups.day_from
                and rollups.flow_id = %(flow_id)s
        where not %(from_raw)s
        union all
        select
            duration_bucket,
            completed
        from corrections
        where
            day between %(day_from)s and %(day_to)s
            and duration_bucket is not null
    ) as parts
    group by parts.duration_bucket
    having sum(parts.completed) <> 0
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
            fresh.step_id,
            fresh.helpful_yes,
            fresh.helpful_no
        from pending_here
        inner join lateral (
            select facts.*
            from live.step_vote_facts__recomputed as facts
            where
                facts.account_id = %(account_id)s
                and facts.session_id = pending_here.session_id
                and facts.flow_id = %(flow_id)s
                and facts.day between %(day_from)s and %(day_to)s
            offset 0
        ) as fresh on true
        union all
        select
            stored.step_id,
            -stored.helpful_yes,
            -stored.helpful_no
        from pending_sessions
        inner join lateral (
            select facts.*
            from live.step_vote_facts__stored as facts
            where
                facts.account_id = %(account_id)s
                and facts.session_id = pending_sessions.session_id
            offset 0
        ) as stored on true
        where
            stored.flow_id = %(flow_id)s
            and stored.day between %(day_from)s and %(day_to)s
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
    group by
        parts.step_id
    having
        sum(parts.helpful_yes) <> 0
        or sum(parts.helpful_no) <> 0
),

visits as (
    select
        parts.step_id,
        sum(parts.visits)::bigint as visits,
        sum(parts.entries)::bigint as entries,
        sum(parts.completions)::bigint as completions,
        sum(parts.drop_offs)::bigint as drop_offs
    from (
        select
            step_id,
            visits,
            entries,
            completions,
            drop_offs
        from live.daily_step_visits__stored
        where
            account_id = %(account_id)s
            and flow_id = %(flow_id)s
            and day between %(day_from)s and %(day_to)s
            and not %(from_raw)s
        union all
        select
            fresh.step_id,
            fresh.visits,
            fresh.entries,
            fresh.completions,
            fresh.drop_offs
        from pending_here
        inner join lateral (
            select facts.*
            from live.step_visit_facts__recomputed as facts
            where
                facts.account_id = %(account_id)s
                and facts.session_id = pending_here.session_id
                and facts.flow_id = %(flow_id)s
                and facts.day between %(day_from)s and %(day_to)s
            offset 0
        ) as fresh on true
        union all
        select
            stored.step_id,
            -stored.visits,
            -stored.entries,
            -stored.completions,
            -stored.drop_offs
        from pending_sessions
        inner join lateral (
            select facts.*
            from live.step_visit_facts__stored as facts
            where
                facts.account_id = %(account_id)s
                and facts.session_id = pending_sessions.session_id
            offset 0
        ) as stored on true
        where
            stored.flow_id = %(flow_id)s
            and stored.day between %(day_from)s and %(day_to)s
        union all
        select
            step_id,
            visits,
            entries,
            completions,
            drop_offs
        from live.step_visit_facts__recomputed
        where
            account_id = %(account_id)s
            and flow_id = %(flow_id)s
            and day between %(day_from)s and %(day_to)s
            and %(from_raw)s
    ) as parts
    group by
        parts.step_id
    having
        sum(parts.visits) <> 0
        or sum(parts.entries) <> 0
        or sum(parts.completions) <> 0
        or sum(parts.drop_offs) <> 0
),

edges as (
    select
        parts.step_id,
        parts.next_step_id,
        sum(parts.passes)::bigint as passes
    from (
        select
            step_id,
            next_step_id,
            passes
        from live.daily_step_edges__stored
        where
            account_id = %(account_id)s
            and flow_id = %(flow_id)s
            and day between %(day_from)s and %(day_to)s
            and not %(from_raw)s
        union all
        select
            fresh.step_id,
            fresh.next_step_id,
            fresh.passes
        from pending_here
        inner join lateral (
            select facts.*
            from live.step_edge_facts__recomputed as facts
            where
                facts.account_id = %(account_id)s
                and facts.session_id = pending_here.session_id
                and facts.flow_id = %(flow_id)s
                and facts.day between %(day_from)s and %(day_to)s
            offset 0
        ) as fresh on true
        union all
        select
            stored.step_id,
            stored.next_step_id,
            -stored.passes
        from pending_sessions
        inner join lateral (
            select facts.*
            from live.step_edge_facts__stored as facts
            where
                facts.account_id = %(account_id)s
                and facts.session_id = pending_sessions.session_id
            offset 0
        ) as stored on true
        where
            stored.flow_id = %(flow_id)s
            and stored.day between %(day_from)s and %(day_to)s
        union all
        select
            step_id,
            next_step_id,
            passes
        from live.step_edge_facts__recomputed
        where
            account_id = %(account_id)s
            and flow_id = %(flow_id)s
            and day between %(day_from)s and %(day_to)s
            and %(from_raw)s
    ) as parts
    group by
        parts.step_id,
        parts.next_step_id
    having sum(parts.passes) <> 0
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

measured_steps as (
    select
        parts.step_id,
        sum(parts.visits)::bigint as visits,
        sum(parts.entries)::bigint as entries,
        sum(parts.completions)::bigint as completions,
        sum(parts.drop_offs)::bigint as drop_offs,
        sum(parts.helpful_yes)::bigint as helpful_yes,
        sum(parts.helpful_no)::bigint as helpful_no
    from (
        select
            step_id,
            visits,
            entries,
            completions,
            drop_offs,
            0 as helpful_yes,
            0 as helpful_no
        from visits
        union all
        select
            step_id,
            0 as visits,
            0 as entries,
            0 as completions,
            0 as drop_offs,
            helpful_yes,
            helpful_no
        from votes
    ) as parts
    group by parts.step_id
),

-- The flow's steps of today, reached or not, then those it dropped and those
-- it never named that have visits or votes in the window.
shown_steps as (
    select
        coalesce(steps.step_id, measured_steps.step_id) as step_id,
        coalesce(steps.title, 'Unknown') as title,
        coalesce(steps.is_current, false) as is_current,
        coalesce(measured_steps.visits, 0) as visits,
        coalesce(measured_steps.entries, 0) as entries,
        coalesce(measured_steps.completions, 0) as completions,
        coalesce(measured_steps.drop_offs, 0) as drop_offs,
        coalesce(measured_steps.helpful_yes, 0) as helpful_yes,
        coalesce(measured_steps.helpful_no, 0) as helpful_no
    from steps
    full join measured_steps
        on steps.step_id = measured_steps.step_id
    where steps.is_current or measured_steps.step_id is not null
    order by
        coalesce(steps.is_current, false) desc,
        steps.position asc nulls last,
        coalesce(steps.step_id, measured_steps.step_id) collate "C" asc
),

shown_edges as (
    select
        step_id,
        next_step_id,
        passes
    from edges
    order by
        passes desc,
        step_id collate "C" asc,
        next_step_id collate "C" asc
),

-- Comments are personal data: they are in no model, and read from here alone.
comments as (
    select
        session_ratings.rating,
        session_ratings.comment,
        session_ratings.occurred_at as created_at,
        -- Whose it is, for those who may know; see list_comments.sql.
        case
            when %(sees_all)s or sessions.user_id = %(own_id)s
                then coalesce(users.name, 'Unknown')
            else 'Anonymous'
        end as user_name
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
        and (
            %(sees_all)s or %(is_open)s or sessions.user_id = %(own_id)s
        )
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
        'name',
        coalesce(
            (
                select flows.name
                from marts.flows
                where
                    flows.account_id = %(account_id)s
                    and flows.flow_id = %(flow_id)s
            ),
            'Unknown'
        ),
        'days', coalesce((select json_agg(days) from days), '[]'),
        'steps',
        coalesce((select json_agg(shown_steps) from shown_steps), '[]'),
        'edges',
        coalesce((select json_agg(shown_edges) from shown_edges), '[]'),
        'durations',
        coalesce(
            (
                select json_object_agg(duration_bucket, completed)
                from durations
            ),
            '{}'
        ),
        'comments', coalesce((select json_agg(comments) from comments), '[]')
    )::text as figures
