-- What the account's stored figures lack: with the contributions of the pending
-- sessions, and less what is stored of them; of one engineer if given. With the
-- version of what is stored and the number of changes, by which read_moment.sql
-- is known to have seen the same: nothing but a refresh takes a change away.
with corrections as materialized (
    select
        day,
        rating_day,
        flow_id,
        user_id,
        sum(sessions) as sessions,
        sum(completed) as completed,
        sum(duration_microseconds) as duration_microseconds,
        sum(resolved) as resolved,
        sum(escalated) as escalated,
        sum(workaround) as workaround,
        sum(unresolved) as unresolved,
        sum(ratings) as ratings,
        sum(rating_points) as rating_points
    from live.facts__difference
    where
        account_id = %(account_id)s
        and (%(user_id)s::uuid is null or user_id = %(user_id)s)
    group by
        day,
        rating_day,
        flow_id,
        user_id
    -- Most of what a session contributes stays the same.
    having
        sum(sessions) <> 0
        or sum(completed) <> 0
        or sum(duration_microseconds) <> 0
        or sum(resolved) <> 0
        or sum(escalated) <> 0
        or sum(workaround) <> 0
        or sum(unresolved) <> 0
        or sum(ratings) <> 0
        or sum(rating_points) <> 0
),

flow_names as (
    select
        flows.flow_id,
        flows.name
    from (select distinct flow_id from corrections) as mentioned
    -- One look-up each, whatever the planner thinks of how many there are.
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
    from (select distinct user_id from corrections) as mentioned
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
    json_build_object(
        'contributions',
        (
            select
                coalesce(
                    json_agg(json_build_array(
                        day,
                        rating_day,
                        flow_id,
                        user_id,
                        sessions,
                        completed,
                        duration_microseconds,
                        resolved,
                        escalated,
                        workaround,
                        unresolved,
                        ratings,
                        rating_points
                    )),
                    '[]'
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
