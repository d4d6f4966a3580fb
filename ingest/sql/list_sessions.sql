-- Sessions that started, were rated or had a vote on a step on the days of a
-- window and that the filters let through, newest first: a page of them, and
-- how many there are if asked for. What is filtered by is what the figures
-- count.
--
-- All of it is read from raw: the planner can choose how, which it cannot with
-- staging, and need not look at what is only counted.
with found as not materialized (
    select
        sessions.account_id,
        sessions.session_id,
        sessions.flow_id,
        sessions.user_id,
        sessions.started_at,
        sessions.completed_at,
        sessions.outcome,
        ratings.rating,
        ratings.occurred_at as rated_at,
        -- Comments are personal data: they are in no model.
        case
            when %(sees_all)s or sessions.user_id = %(own_id)s
                then ratings.comment
        end as comment
    from raw.sessions
    -- A rating that came first waits until its session is over.
    left join raw.session_ratings as ratings
        on
            sessions.account_id = ratings.account_id
            and sessions.session_id = ratings.session_id
            and sessions.completed_at is not null
    where
        sessions.account_id = %(account_id)s
        -- For the index, and wider than clocks were ever changed: where they
        -- are put back over midnight, a day has a part before its midnight,
        -- and the day before has one after it.
        and sessions.started_at >= case
            when %(dated_by)s::text <> 'start' then '-infinity'
            else (
                %(day_from)s::date::timestamp at time zone %(time_zone)s
            ) - interval '24 hours'
        end
        and sessions.started_at < case
            when %(dated_by)s <> 'start' then 'infinity'
            else (
                (%(day_to)s::date + 1)::timestamp at time zone %(time_zone)s
            ) + interval '24 hours'
        end
        -- For the indexes: every rating is in one of two.
        and (
            %(dated_by)s <> 'rating'
            or (
                ratings.comment is not null
                and ratings.occurred_at >= (
                    %(day_from)s::date::timestamp at time zone %(time_zone)s
                ) - interval '24 hours'
                and ratings.occurred_at < (
                    (%(day_to)s::date + 1)::timestamp at time zone %(time_zone)s
                ) + interval '24 hours'
            )
            or (
                ratings.comment is null
                and ratings.occurred_at >= (
                    %(day_from)s::date::timestamp at time zone %(time_zone)s
                ) - interval '24 hours'
                and ratings.occurred_at < (
                    (%(day_to)s::date + 1)::timestamp at time zone %(time_zone)s
                ) + interval '24 hours'
            )
        )
        -- The definition of a session's day, and of that of its rating.
        and (
            %(dated_by)s = 'vote'
            or (
                (
                    case
                        when %(dated_by)s = 'rating' then ratings.occurred_at
                        else sessions.started_at
                    end
                ) at time zone %(time_zone)s
            )::date between %(day_from)s and %(day_to)s
        )
        and (%(user_id)s::uuid is null or sessions.user_id = %(user_id)s)
        and (%(flow_id)s::uuid is null or sessions.flow_id = %(flow_id)s)
        and (
            %(completed)s::boolean is null
            or (sessions.completed_at is not null) = %(completed)s
        )
        and case %(outcome)s::text
            when '' then true
            when 'none'
                then
                    sessions.completed_at is not null
                    and sessions.outcome is null
            else coalesce(sessions.outcome = %(outcome)s, false)
        end
        and (
            %(weekday)s::integer is null
            or extract(
                isodow from sessions.started_at at time zone %(time_zone)s
            ) = %(weekday)s
        )
        and (
            %(hour)s::integer is null
            or extract(
                hour from sessions.started_at at time zone %(time_zone)s
            ) = %(hour)s
        )
        -- 0 stands for none.
        and (
            %(ratings)s::integer[] is null
            or coalesce(ratings.rating, 0) = any(%(ratings)s::integer[])
        )
        and (
            %(step_id)s::text is null
            -- Who votes on a step need not have told of reaching it.
            or (
                %(step_was_last)s::boolean is null
                and (
                    %(was_helpful)s::boolean is not null
                    or %(dated_by)s = 'vote'
                )
            )
            or exists (
                select
                from raw.step_visits as visits
                where
                    visits.account_id = %(account_id)s
                    and visits.session_id = sessions.session_id
                    and visits.step_id = %(step_id)s
            )
        )
        -- The last step is the one that step_visit_facts says.
        and (
            %(step_was_last)s::boolean is null
            or %(step_was_last)s = (
                select visits.step_id = %(step_id)s
                from raw.step_visits as visits
                where
                    visits.account_id = %(account_id)s
                    and visits.session_id = sessions.session_id
                order by
                    visits.visited_at desc,
                    visits.step_id collate "C" desc
                limit 1
            )
        )
        -- The vote that stands, and its day, are those of step_vote_facts.
        and (
            (%(was_helpful)s::boolean is null and %(dated_by)s <> 'vote')
            or exists (
                select
                from raw.step_feedback as votes
                where
                    votes.account_id = %(account_id)s
                    and votes.session_id = sessions.session_id
                    and votes.step_id = %(step_id)s
                    -- One that was withdrawn is no vote.
                    and votes.was_helpful
                    = coalesce(%(was_helpful)s::boolean, votes.was_helpful)
                    and (
                        %(dated_by)s <> 'vote'
                        or (
                            votes.occurred_at at time zone %(time_zone)s
                        )::date between %(day_from)s and %(day_to)s
                    )
                    -- The session's user may have voted as such, with the nil
                    -- id, and by their own: that is one vote, the later.
                    and not exists (
                        select
                        from raw.step_feedback as later
                        where
                            later.account_id = %(account_id)s
                            and later.session_id = votes.session_id
                            and later.step_id = votes.step_id
                            and later.user_id in (
                                '00000000-0000-0000-0000-000000000000',
                                sessions.user_id
                            )
                            and votes.user_id in (
                                '00000000-0000-0000-0000-000000000000',
                                sessions.user_id
                            )
                            and (later.occurred_at, later.event_id)
                            > (votes.occurred_at, votes.event_id)
                    )
            )
        )
),

page as (
    select *
    from found
    where
        (found.started_at, found.session_id)
        < (%(before)s::timestamptz, %(before_id)s::uuid)
    order by found.started_at desc, found.session_id desc
    limit %(most)s
),

shown as (
    select
        page.session_id,
        page.flow_id,
        coalesce(flows.name, 'Unknown') as flow_name,
        page.user_id,
        coalesce(users.name, 'Unknown') as user_name,
        page.started_at,
        page.completed_at,
        page.outcome,
        -- As the figures count it: a clock that ran backwards makes 0.
        (
            1000000 * extract(
                epoch from greatest(
                    page.completed_at - page.started_at, interval '0'
                )
            )
        )::bigint as duration_microseconds,
        page.rating,
        page.comment,
        page.rated_at,
        (
            select count(distinct visits.step_id)
            from staging.stg_raw__step_visits as visits
            where
                visits.account_id = %(account_id)s
                and visits.session_id = page.session_id
        ) as steps_reached
    from page
    left join raw.flows
        on
            page.account_id = flows.account_id
            and page.flow_id = flows.flow_id
    left join raw.users
        on
            page.account_id = users.account_id
            and page.user_id = users.user_id
    order by page.started_at desc, page.session_id desc
)

select
    json_build_object(
        'sessions', coalesce((select json_agg(shown) from shown), '[]'),
        'total', case when %(is_counted)s then (select count(*) from found) end
    )::text as listed
