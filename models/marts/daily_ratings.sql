{{ config(indexes=[{'columns': ['account_id', 'user_id', 'day']}]) }}

with facts as (
    select * from {{ ref('facts') }}
),

summed as (
    select
        account_id,
        rating_day as day,
        flow_id,
        user_id,
        sum(ratings) as ratings,
        sum(rating_points) as rating_points,
        sum(rating_1) as rating_1,
        sum(rating_2) as rating_2,
        sum(rating_3) as rating_3,
        sum(rating_4) as rating_4,
        sum(rating_5) as rating_5
    from facts
    where rating_day is not null
    group by
        account_id,
        rating_day,
        flow_id,
        user_id
)

select * from summed
