{{ config(materialized='view') }}

with periods as (
    select * from {{ ref('periods') }}
),

days as (
    select * from {{ ref('account_days') }}
),

votes as (
    select * from {{ ref('daily_step_feedback') }}
),

-- Side by side, as a day may have the one and not the other.
measures as (
    select
        account_id,
        day,
        sessions,
        completed,
        duration_microseconds,
        resolved,
        escalated,
        workaround,
        unresolved,
        rated,
        ratings,
        rating_points,
        rating_1,
        rating_2,
        rating_3,
        rating_4,
        rating_5,
        0 as helpful_yes,
        0 as helpful_no
    from days
    union all
    select
        account_id,
        day,
        0 as sessions,
        0 as completed,
        0 as duration_microseconds,
        0 as resolved,
        0 as escalated,
        0 as workaround,
        0 as unresolved,
        0 as rated,
        0 as ratings,
        0 as rating_points,
        0 as rating_1,
        0 as rating_2,
        0 as rating_3,
        0 as rating_4,
        0 as rating_5,
        helpful_yes,
        helpful_no
    from votes
),

-- A period in which nothing happened is a row of zeros.
summed as (
    select
        periods.account_id,
        periods.period,
        periods.day_from,
        periods.day_to,
        coalesce(sum(measures.sessions), 0)::bigint as sessions,
        coalesce(sum(measures.completed), 0)::bigint as completed,
        coalesce(sum(measures.duration_microseconds), 0)::bigint
            as duration_microseconds,
        coalesce(sum(measures.resolved), 0)::bigint as resolved,
        coalesce(sum(measures.escalated), 0)::bigint as escalated,
        coalesce(sum(measures.workaround), 0)::bigint as workaround,
        coalesce(sum(measures.unresolved), 0)::bigint as unresolved,
        coalesce(sum(measures.rated), 0)::bigint as rated,
        coalesce(sum(measures.ratings), 0)::bigint as ratings,
        coalesce(sum(measures.rating_points), 0)::bigint as rating_points,
        coalesce(sum(measures.rating_1), 0)::bigint as rating_1,
        coalesce(sum(measures.rating_2), 0)::bigint as rating_2,
        coalesce(sum(measures.rating_3), 0)::bigint as rating_3,
        coalesce(sum(measures.rating_4), 0)::bigint as rating_4,
        coalesce(sum(measures.rating_5), 0)::bigint as rating_5,
        coalesce(sum(measures.helpful_yes), 0)::bigint as helpful_yes,
        coalesce(sum(measures.helpful_no), 0)::bigint as helpful_no
    from periods
    left join measures
        on
            periods.account_id = measures.account_id
            and measures.day between periods.day_from and periods.day_to
    group by
        periods.account_id,
        periods.period,
        periods.day_from,
        periods.day_to
)

select * from summed
