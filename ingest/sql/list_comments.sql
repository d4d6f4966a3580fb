-- The comments with a rating between two, newest first, that the filters let
-- through and the asker may see. Whoever may not know whose a comment is gets
-- neither the person nor the session.
with visible as (
    select
        ratings.account_id,
        ratings.session_id,
        ratings.rating,
        ratings.comment,
        ratings.occurred_at,
        ratings.event_id,
        sessions.flow_id,
        sessions.user_id,
        coalesce(%(sees_all)s or sessions.user_id = %(own_id)s, false)
            as is_named
    from raw.session_ratings as ratings
    -- A rating that came first waits until its session has started and is
    -- over.
    inner join raw.sessions
        on
            ratings.account_id = sessions.account_id
            and ratings.session_id = sessions.session_id
            and sessions.started_at is not null
            and sessions.completed_at is not null
    where
        ratings.account_id = %(account_id)s
        and ratings.comment is not null
        and ratings.comment <> ''
        and ratings.rating between %(rating_from)s and %(rating_to)s
        and (ratings.occurred_at, ratings.event_id)
        < (%(before)s::timestamptz, %(before_id)s::uuid)
        -- For the index; see list_sessions.sql.
        and ratings.occurred_at >= (
            %(day_from)s::date::timestamp at time zone %(time_zone)s
        ) - interval '24 hours'
        and ratings.occurred_at < (
            (%(day_to)s::date + 1)::timestamp at time zone %(time_zone)s
        ) + interval '24 hours'
        -- Left out where it says nothing: the planner takes it for rare.
        and (
            %(is_of_all_time)s
            or (ratings.occurred_at at time zone %(time_zone)s)::date
            between %(day_from)s and %(day_to)s
        )
        -- Not a pattern: no character of it has a meaning of its own.
        and strpos(lower(ratings.comment), lower(%(text)s)) > 0
        and (%(flow_id)s::uuid is null or sessions.flow_id = %(flow_id)s)
        and (%(user_id)s::uuid is null or sessions.user_id = %(user_id)s)
        and (
            %(sees_all)s
            or sessions.user_id = %(own_id)s
            or sessions.flow_id = any(%(flow_ids)s::uuid[])
        )
    order by ratings.occurred_at desc, ratings.event_id desc
    limit %(most)s
)

select
    visible.rating,
    visible.comment,
    visible.occurred_at as created_at,
    visible.event_id,
    visible.flow_id,
    coalesce(flows.name, 'Unknown') as flow_name,
    case when visible.is_named then visible.session_id end as session_id,
    case when visible.is_named then visible.user_id end as user_id,
    case when visible.is_named then coalesce(users.name, 'Unknown') end
        as user_name
from visible
left join raw.flows
    on
        visible.account_id = flows.account_id
        and visible.flow_id = flows.flow_id
left join raw.users
    on
        visible.account_id = users.account_id
        and visible.user_id = users.user_id
order by visible.occurred_at desc, visible.event_id desc
