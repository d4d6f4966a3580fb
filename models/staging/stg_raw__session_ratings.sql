with source as (
    -- Without the comment: it is personal data, and no figure needs it. Who
    -- sees this may not see that.
    select
        account_id,
        session_id,
        rating,
        event_id,
        occurred_at,
        received_at
    from {{ source('raw', 'session_ratings') }}
),

started_sessions as (
    select * from {{ ref('stg_raw__sessions') }}
),

renamed as (
    select
        ---------- ids
        source.account_id,
        source.session_id,
        source.event_id,

        ---------- numbers
        source.rating::integer as rating,

        ---------- timestamps
        source.occurred_at,
        source.received_at
    from source
    -- A rating that came first waits until its session is over.
    inner join started_sessions
        on
            source.account_id = started_sessions.account_id
            and source.session_id = started_sessions.session_id
            and started_sessions.completed_at is not null
)

select * from renamed
