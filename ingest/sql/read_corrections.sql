-- What the account's stored figures lack because of log rows that the caller
-- does not know: of each session that they name, what it contributes now, less
-- what is stored of it. With the version of what is stored and the number of
-- changes, by which it is known what else has seen the same: nothing but a
-- refresh takes a change away.
with unseen as materialized (
    select
        change_id,
        session_id
    from raw.changes
    where
        account_id = %(account_id)s
        and change_id not in (select unnest(%(known)s::uuid[]))
),

-- One look-up in each table for each session, whatever the planner thinks of
-- how many there are: "offset 0".
corrections as materialized (
    select
        named.session_id,
        fresh.flow_id,
        fresh.user_id,
        same.times is null as is_elsewhere,
        case
            when fresh.session_id is not null
                then json_build_array(
                    fresh.day,
                    fresh.rating_day,
                    fresh.flow_id,
                    fresh.user_id,
                    fresh.duration_bucket,
                    case
                        when same.times = 1 then stored.duration_bucket
                    end,
                    fresh.sessions
                    - coalesce(same.times * stored.sessions, 0),
                    fresh.completed
                    - coalesce(same.times * stored.completed, 0),
                    fresh.duration_microseconds
                    - coalesce(same.times * stored.duration_microseconds, 0),
                    fresh.resolved
                    - coalesce(same.times * stored.resolved, 0),
                    fresh.escalated
                    - coalesce(same.times * stored.escalated, 0),
                    fresh.workaround
                    - coalesce(same.times * stored.workaround, 0),
                    fresh.unresolved
                    - coalesce(same.times * stored.unresolved, 0),
                    fresh.ratings
                    - coalesce(same.times * stored.ratings, 0),
                    fresh.rating_points
                    - coalesce(same.times * stored.rating_points, 0),
                    fresh.rating_1
                    - coalesce(same.times * stored.rating_1, 0),
                    fresh.rating_2
                    - coalesce(same.times * stored.rating_2, 0),
                    fresh.rating_3
                    - coalesce(same.times * stored.rating_3, 0),
                    fresh.rating_4
                    - coalesce(same.times * stored.rating_4, 0),
                    fresh.rating_5
                    - coalesce(same.times * stored.rating_5, 0)
                )
        end as more,
        case
            when same.times is null and stored.session_id is not null
                then json_build_array(
                    stored.day,
                    stored.rating_day,
                    stored.flow_id,
                    stored.user_id,
                    null,
                    stored.duration_bucket,
                    -stored.sessions,
                    -stored.completed,
                    -stored.duration_microseconds,
                    -stored.resolved,
                    -stored.escalated,
                    -stored.workaround,
                    -stored.unresolved,
                    -stored.ratings,
                    -stored.rating_points,
                    -stored.rating_1,
                    -stored.rating_2,
                    -stored.rating_3,
                    -stored.rating_4,
                    -stored.rating_5
                )
        end as less
    from (
        select distinct session_id
        from unseen
        -- A name has changed: no session.
        where session_id <> '00000000-0000-0000-0000-000000000000'
    ) as named
    left join lateral (
        select facts.*
        from live.facts__recomputed as facts
        where
            facts.account_id = %(account_id)s
            and facts.session_id = named.session_id
        offset 0
    ) as fresh on true
    left join lateral (
        select facts.*
        from live.facts__stored as facts
        where
            facts.account_id = %(account_id)s
            and facts.session_id = named.session_id
        offset 0
    ) as stored on true
    -- What is stored counts for the same days, flow and engineer: what differs
    -- is the measures, and the names are known.
    left join (values (1)) as same (times)
        on
            fresh.day = stored.day
            and fresh.rating_day is not distinct from stored.rating_day
            and fresh.flow_id = stored.flow_id
            and fresh.user_id = stored.user_id
),

flow_names as (
    select
        flows.flow_id,
        flows.name
    from (
        select distinct flow_id
        from corrections
        where is_elsewhere
    ) as mentioned
    cross join lateral (
        select
            names.flow_id,
            names.name
        from marts.flows as names
        where
            names.account_id = %(account_id)s
            and names.flow_id = mentioned.flow_id
        limit 1
    ) as flows
),

user_names as (
    select
        users.user_id,
        users.name
    from (
        select distinct user_id
        from corrections
        where is_elsewhere
    ) as mentioned
    cross join lateral (
        select
            names.user_id,
            names.name
        from marts.users as names
        where
            names.account_id = %(account_id)s
            and names.user_id = mentioned.user_id
        limit 1
    ) as users
)

select
    (
        select refreshed.version
        from live.accounts as refreshed
        where refreshed.account_id = %(account_id)s
    ) as version,
    (
        select count(*)
        from raw.changes
        where changes.account_id = %(account_id)s
    ) as changes,
    (select string_agg(change_id::text, ',') from unseen) as change_ids,
    json_build_object(
        'sessions',
        (
            select
                coalesce(
                    json_agg(json_build_array(session_id, more, less)), '[]'
                )
            from corrections
        ),
        'flow_names',
        (
            select coalesce(json_object_agg(flow_id, name), '{}')
            from flow_names
        ),
        'user_names',
        (
            select coalesce(json_object_agg(user_id, name), '{}')
            from user_names
        )
    )::text as corrections
