with facts as (
    select * from {{ ref('facts') }}
),

summed as (
    select
        account_id,
        day,
        extract(hour from started_time)::integer as hour,
        sum(sessions)::bigint as sessions,
        sum(completed)::bigint as completed,
        sum(duration_microseconds)::bigint as duration_microseconds,
        sum(resolved)::bigint as resolved,
        sum(escalated)::bigint as escalated,
        sum(workaround)::bigint as workaround,
        sum(unresolved)::bigint as unresolved,
        -- Ratings of the sessions that started then, whenever they came.
        sum(ratings)::bigint as rated
    from facts
    group by
        account_id,
        day,
        extract(hour from started_time)::integer
)

select * from summed
