with source as (
    select * from {{ source('raw', 'step_feedback') }}
),

started_sessions as (
    select * from {{ ref('stg_raw__sessions') }}
),

renamed as (
    select
        ---------- ids
        source.account_id,
        source.session_id,
        source.step_id,
        -- The nil id stands for the session's own user: a primary key has no
        -- nulls.
        nullif(
            source.user_id, '00000000-0000-0000-0000-000000000000'::uuid
        ) as user_id,
        source.event_id,

        ---------- booleans
        source.was_helpful,

        ---------- timestamps
        source.occurred_at,
        source.received_at
    from source
    -- A vote that came first waits for its session's start.
    inner join started_sessions
        on
            source.account_id = started_sessions.account_id
            and source.session_id = started_sessions.session_id
)

select * from renamed
