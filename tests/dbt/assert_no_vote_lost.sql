{{ config(meta={'dagster': {'ref': {'name': 'step_vote_facts'}}}) }}

-- Each vote that stands is in the facts: the one row of a person, on a step of
-- a session, that no later row of that person takes back or repeats.

with sessions as (
    select * from {{ ref('stg_raw__sessions') }}
),

votes as (
    select
        feedback.account_id,
        feedback.session_id,
        feedback.step_id,
        coalesce(feedback.user_id, sessions.user_id) as user_id,
        feedback.was_helpful,
        feedback.occurred_at,
        feedback.event_id
    from {{ ref('stg_raw__step_feedback') }} as feedback
    inner join sessions
        on
            feedback.account_id = sessions.account_id
            and feedback.session_id = sessions.session_id
),

-- Unlike the model, which ranks them: the rows that have no later one.
standing_votes as (
    select votes.*
    from votes
    left join votes as later_votes
        on
            votes.account_id = later_votes.account_id
            and votes.session_id = later_votes.session_id
            and votes.step_id = later_votes.step_id
            and votes.user_id = later_votes.user_id
            and (votes.occurred_at, votes.event_id)
            < (later_votes.occurred_at, later_votes.event_id)
    where
        later_votes.user_id is null
        and votes.was_helpful is not null
),

facts as (
    select * from {{ ref('step_vote_facts') }}
),

unmatched as (
    select
        coalesce(standing_votes.account_id, facts.account_id) as account_id,
        coalesce(standing_votes.session_id, facts.session_id) as session_id,
        standing_votes.was_helpful,
        facts.helpful_yes,
        facts.helpful_no
    from standing_votes
    full outer join facts
        on
            standing_votes.account_id = facts.account_id
            and standing_votes.session_id = facts.session_id
            and standing_votes.step_id = facts.step_id
            and standing_votes.user_id = facts.user_id
    where
        standing_votes.was_helpful::integer is distinct from facts.helpful_yes
        or (not standing_votes.was_helpful)::integer
        is distinct from facts.helpful_no
)

select * from unmatched
