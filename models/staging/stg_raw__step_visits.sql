with source as (
    select * from {{ source('raw', 'step_visits') }}
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
        source.event_id,

        ---------- timestamps
        source.visited_at,
        source.occurred_at,
        source.received_at
    from source
    -- A visit that came first waits for its session's start.
    inner join started_sessions
        on
            source.account_id = started_sessions.account_id
            and source.session_id = started_sessions.session_id
)

select * from renamed
