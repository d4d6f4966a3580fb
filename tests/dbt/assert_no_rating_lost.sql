{{ config(meta={'dagster': {'ref': {'name': 'facts'}}}) }}

-- Each rating of a completed session is in the facts with its points, and no
-- fact has a rating that nobody gave.

with ratings as (
    select * from {{ ref('stg_raw__session_ratings') }}
),

rated_facts as (
    select *
    from {{ ref('facts') }}
    where ratings <> 0
),

unmatched as (
    select
        coalesce(ratings.account_id, rated_facts.account_id) as account_id,
        coalesce(ratings.session_id, rated_facts.session_id) as session_id,
        ratings.rating,
        rated_facts.rating_points
    from ratings
    full outer join rated_facts
        on
            ratings.account_id = rated_facts.account_id
            and ratings.session_id = rated_facts.session_id
    where ratings.rating is distinct from rated_facts.rating_points
)

select * from unmatched
