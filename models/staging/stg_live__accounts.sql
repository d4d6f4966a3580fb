with source as (
    select * from {{ source('live', 'accounts') }}
),

renamed as (
    select
        ---------- ids
        account_id,
        version,

        ---------- timestamps
        data_through
    from source
)

select * from renamed
