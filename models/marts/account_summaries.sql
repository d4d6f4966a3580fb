with periods as (
    select * from {{ ref('periods') }}
),

outcomes as (
    select * from {{ ref('daily_outcomes') }}
),

ratings as (
    select * from {{ ref('daily_ratings') }}
),

votes as (
    select * from {{ ref('daily_step_feedback') }}
),

outcomes_per_period as (
    select
        periods.account_id,
        periods.period,
        sum(outcomes.sessions)::bigint as sessions,
        sum(outcomes.completed)::bigint as completed,
        sum(outcomes.duration_microseconds)::bigint as duration_microseconds,
        sum(outcomes.resolved)::bigint as resolved,
        sum(outcomes.escalated)::bigint as escalated,
        sum(outcomes.workaround)::bigint as workaround,
        sum(outcomes.unresolved)::bigint as unresolved,
        sum(outcomes.rated)::bigint as rated
    from periods
    inner join outcomes
        on
            periods.account_id = outcomes.account_id
            and outcomes.day between periods.day_from and periods.day_to
    group by
        periods.account_id,
        periods.period
),

ratings_per_period as (
    select
        periods.account_id,
        periods.period,
        sum(ratings.ratings)::bigint as ratings,
        sum(ratings.rating_points)::bigint as rating_points,
        sum(ratings.rating_1)::bigint as rating_1,
        sum(ratings.rating_2)::bigint as rating_2,
        sum(ratings.rating_3)::bigint as rating_3,
        sum(ratings.rating_4)::bigint as rating_4,
        sum(ratings.rating_5)::bigint as rating_5
    from periods
    inner join ratings
        on
            periods.account_id = ratings.account_id
            and ratings.day between periods.day_from and periods.day_to
    group by
        periods.account_id,
        periods.period
),

votes_per_period as (
    select
        periods.account_id,
        periods.period,
        sum(votes.helpful_yes)::bigint as helpful_yes,
        sum(votes.helpful_no)::bigint as helpful_no
    from periods
    inner join votes
        on
            periods.account_id = votes.account_id
            and votes.day between periods.day_from and periods.day_to
    group by
        periods.account_id,
        periods.period
),

-- A period in which nothing happened is a row of zeros.
summed as (
    select
        periods.account_id,
        periods.period,
        periods.day_from,
        periods.day_to,
        coalesce(outcomes_per_period.sessions, 0) as sessions,
        coalesce(outcomes_per_period.completed, 0) as completed,
        coalesce(outcomes_per_period.duration_microseconds, 0)
            as duration_microseconds,
        coalesce(outcomes_per_period.resolved, 0) as resolved,
        coalesce(outcomes_per_period.escalated, 0) as escalated,
        coalesce(outcomes_per_period.workaround, 0) as workaround,
        coalesce(outcomes_per_period.unresolved, 0) as unresolved,
        coalesce(outcomes_per_period.rated, 0) as rated,
        coalesce(ratings_per_period.ratings, 0) as ratings,
        coalesce(ratings_per_period.rating_points, 0) as rating_points,
        coalesce(ratings_per_period.rating_1, 0) as rating_1,
        coalesce(ratings_per_period.rating_2, 0) as rating_2,
        coalesce(ratings_per_period.rating_3, 0) as rating_3,
        coalesce(ratings_per_period.rating_4, 0) as rating_4,
        coalesce(ratings_per_period.rating_5, 0) as rating_5,
        coalesce(votes_per_period.helpful_yes, 0) as helpful_yes,
        coalesce(votes_per_period.helpful_no, 0) as helpful_no
    from periods
    left join outcomes_per_period
        on
            periods.account_id = outcomes_per_period.account_id
            and periods.period = outcomes_per_period.period
    left join ratings_per_period
        on
            periods.account_id = ratings_per_period.account_id
            and periods.period = ratings_per_period.period
    left join votes_per_period
        on
            periods.account_id = votes_per_period.account_id
            and periods.period = votes_per_period.period
)

select * from summed
