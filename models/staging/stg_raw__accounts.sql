with source as (
    select * from {{ source('raw', 'accounts') }}
),

renamed as (
    select
        ---------- ids
        account_id,
        event_id,

        ---------- text
        name,
        time_zone,

        ---------- timestamps
        occurred_at,
        received_at
    from source
)

select * from renamed
