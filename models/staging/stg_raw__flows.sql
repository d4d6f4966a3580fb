with source as (
    select * from {{ source('raw', 'flows') }}
),

renamed as (
    select
        ---------- ids
        account_id,
        flow_id,
        event_id,

        ---------- text
        name,

        ---------- timestamps
        occurred_at,
        received_at
    from source
)

select * from renamed
