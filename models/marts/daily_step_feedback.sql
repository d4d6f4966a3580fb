with votes as (
    select * from {{ ref('step_vote_facts') }}
),

summed as (
    select
        account_id,
        day,
        flow_id,
        step_id,
        sum(helpful_yes) as helpful_yes,
        sum(helpful_no) as helpful_no
    from votes
    group by
        account_id,
        day,
        flow_id,
        step_id
)

select * from summed
