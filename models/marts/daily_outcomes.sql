{{ config(indexes=[{'columns': ['account_id', 'user_id', 'day']}]) }}

with facts as (
    select * from {{ ref('facts') }}
),

summed as (
    select
        account_id,
        day,
        flow_id,
        user_id,
        sum(sessions) as sessions,
        sum(completed) as completed,
        sum(duration_microseconds)::bigint as duration_microseconds,
        sum(resolved) as resolved,
        sum(escalated) as escalated,
        sum(workaround) as workaround,
        sum(unresolved) as unresolved,
        -- Ratings of the sessions that started this day, whenever they came.
        sum(ratings) as rated
    from facts
    group by
        account_id,
        day,
        flow_id,
        user_id
)

select * from summed
