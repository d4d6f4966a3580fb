{{ config(indexes=[
    {'columns': ['account_id', 'day']},
    {'columns': ['account_id', 'rating_day']},
    {'columns': ['account_id', 'user_id', 'day']},
]) }}

-- What every session contributes to the figures. A mart is nothing but sums
-- of these columns: each measure is an integer to add up, never a count of
-- rows and never a float.

with sessions as (
    select * from {{ ref('stg_raw__sessions') }}
),

ratings as (
    select * from {{ ref('stg_raw__given_ratings') }}
),

accounts as (
    select * from {{ ref('stg_raw__accounts') }}
),

measured as (
    select
        ---------- ids
        sessions.account_id,
        sessions.session_id,
        sessions.flow_id,
        sessions.user_id,

        ---------- when it was, for who looks by an index of raw
        sessions.started_at,
        ratings.occurred_at as rated_at,

        ---------- the session, on the day it started
        {{ local_day('sessions.started_at', 'accounts.time_zone') }} as day,
        {{ local_time('sessions.started_at', 'accounts.time_zone') }}
            as started_time,
        1 as sessions,
        case when sessions.completed_at is null then 0 else 1 end as completed,
        -- greatest() skips a null, so a session that is not completed lasts
        -- 0, like one whose clock ran backwards. extract() is numeric: exact.
        (
            1000000 * extract(
                epoch from greatest(
                    sessions.completed_at - sessions.started_at,
                    interval '0'
                )
            )
        )::bigint as duration_microseconds,
        case when sessions.outcome = 'resolved' then 1 else 0 end as resolved,
        case when sessions.outcome = 'escalated' then 1 else 0 end as escalated,
        case when sessions.outcome = 'workaround' then 1 else 0 end
            as workaround,
        case when sessions.outcome = 'unresolved' then 1 else 0 end
            as unresolved,

        ---------- its rating, on the day it was given
        {{ local_day('ratings.occurred_at', 'accounts.time_zone') }}
            as rating_day,
        {{ local_time('ratings.occurred_at', 'accounts.time_zone') }}
            as rating_time,
        case when ratings.rating is null then 0 else 1 end as ratings,
        coalesce(ratings.rating, 0) as rating_points,
        case when ratings.rating = 1 then 1 else 0 end as rating_1,
        case when ratings.rating = 2 then 1 else 0 end as rating_2,
        case when ratings.rating = 3 then 1 else 0 end as rating_3,
        case when ratings.rating = 4 then 1 else 0 end as rating_4,
        case when ratings.rating = 5 then 1 else 0 end as rating_5
    from sessions
    -- A rating waits for its session to be over, as in
    -- stg_raw__session_ratings. That one looks for the session once more.
    left join ratings
        on
            sessions.account_id = ratings.account_id
            and sessions.session_id = ratings.session_id
            and sessions.completed_at is not null
    left join accounts
        on sessions.account_id = accounts.account_id
),

bucketed as (
    select
        *,
        case
            when completed = 1
                then {{ duration_bucket('duration_microseconds') }}
        end as duration_bucket
    from measured
)

select * from bucketed
