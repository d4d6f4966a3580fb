-- Where the account's calendar is, and what its stored figures lack: with the
-- contributions of the pending sessions, and less what is stored of them; of
-- one engineer if given. Where so much has changed that computing everything
-- takes less there are no corrections, and no more changes are counted.
with pending as (
    select
        session_id,
        received_at
    from raw.changes
    where account_id = %(account_id)s
    limit %(most_changes)s + 1
),

counted as (
    select
        count(*) as changes,
        -- The nil session stands for none, where a name has changed.
        count(distinct session_id) filter (
            where session_id <> '00000000-0000-0000-0000-000000000000'
        ) as sessions,
        coalesce(bool_or(session_id is null), false) as is_all,
        coalesce(
            bool_or(session_id = '00000000-0000-0000-0000-000000000000'), false
        ) as is_renamed,
        max(received_at) as data_through
    from pending
),

weighed as (
    select
        changes,
        sessions,
        is_renamed,
        case
            when changes <= %(most_changes)s then data_through
            else (
                select max(changes.received_at)
                from raw.changes
                where changes.account_id = %(account_id)s
            )
        end as data_through,
        is_all
        or changes > %(most_changes)s
        or (
            changes > 500
            and changes * 5 > (
                select sum(days.sessions)
                from live.account_days__stored as days
                where days.account_id = %(account_id)s
            )
        ) as is_too_much
    from counted
),

zone as (
    select coalesce(max(time_zone), 'UTC') as time_zone
    from raw.accounts
    where account_id = %(account_id)s
),

corrections as materialized (
    select
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
    from live.facts__difference
    where
        account_id = %(account_id)s
        and (%(user_id)s::uuid is null or user_id = %(user_id)s)
        and %(is_corrected)s
        and (
            select weighed.changes > 0 and not weighed.is_too_much
            from weighed
        )
),

flow_names as (
    select
        flows.flow_id,
        flows.name
    from (select distinct flow_id from corrections) as mentioned
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
    now() as as_of,
    zone.time_zone,
    (now() at time zone zone.time_zone)::date as today,
    refreshed.version,
    greatest(refreshed.data_through, weighed.data_through) as data_through,
    weighed.changes,
    weighed.sessions,
    weighed.is_too_much,
    weighed.is_renamed,
    case
        when %(is_corrected)s and weighed.changes > 0
            then json_build_object(
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
            )::text
    end as corrections
from zone
cross join weighed
left join live.accounts as refreshed
    on refreshed.account_id = %(account_id)s
