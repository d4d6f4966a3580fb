with facts as (
    select * from {{ ref('facts') }}
),

summed as (
    {{ contributions_per_day() | indent(4) }}
)

select * from summed
