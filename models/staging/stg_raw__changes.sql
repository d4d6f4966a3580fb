with source as (
    select * from {{ source('raw', 'changes') }}
),

renamed as (
    select
        ---------- ids
        account_id,
        change_id,
        session_id,

        ---------- timestamps
        received_at
    from source
)

select * from renamed
