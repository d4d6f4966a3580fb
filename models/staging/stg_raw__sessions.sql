with source as (
    select * from {{ source('raw', 'sessions') }}
),

renamed as (
    select
        ---------- ids
        account_id,
        session_id,
        flow_id,
        user_id,
        started_event_id,
        completed_event_id,

        ---------- text
        outcome,

        ---------- timestamps
        started_at,
        started_occurred_at,
        started_received_at,
        completed_at,
        completed_occurred_at,
        completed_received_at
    from source
    -- A completion that came first waits for its start.
    where started_at is not null
)

select * from renamed
