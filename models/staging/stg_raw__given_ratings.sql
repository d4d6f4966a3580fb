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

renamed as (
    select
        ---------- ids
        account_id,
        session_id,
        event_id,

        ---------- numbers
        rating::integer as rating,

        ---------- timestamps
        occurred_at,
        received_at
    from source
)

select * from renamed
