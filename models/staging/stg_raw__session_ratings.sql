with given_ratings as (
    select * from {{ ref('stg_raw__given_ratings') }}
),

started_sessions as (
    select * from {{ ref('stg_raw__sessions') }}
),

ratings_of_ended_sessions as (
    select
        ---------- ids
        given_ratings.account_id,
        given_ratings.session_id,
        given_ratings.event_id,

        ---------- numbers
        given_ratings.rating,

        ---------- timestamps
        given_ratings.occurred_at,
        given_ratings.received_at
    from given_ratings
    -- A rating that came first waits until its session is over.
    inner join started_sessions
        on
            given_ratings.account_id = started_sessions.account_id
            and given_ratings.session_id = started_sessions.session_id
            and started_sessions.completed_at is not null
)

select * from ratings_of_ended_sessions
