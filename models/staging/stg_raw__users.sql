with source as (
    select * from {{ source('raw', 'users') }}
),

renamed as (
    select
        ---------- ids
        account_id,
        user_id,
        event_id,

        ---------- text
        name,
        role,

        ---------- timestamps
        occurred_at,
        received_at
    from source
)

select * from renamed
