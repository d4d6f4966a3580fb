{{ config(indexes=[{'columns': ['account_id', 'day']}]) }}

-- What every session contributes to how helpful its steps were found.

with feedback as (
    select * from {{ ref('stg_raw__step_feedback') }}
),

sessions as (
    select * from {{ ref('stg_raw__sessions') }}
),

accounts as (
    select * from {{ ref('stg_raw__accounts') }}
),

votes as (
    select
        feedback.account_id,
        feedback.session_id,
        feedback.step_id,
        coalesce(feedback.user_id, sessions.user_id) as user_id,
        sessions.flow_id,
        feedback.was_helpful,
        feedback.occurred_at,
        feedback.event_id
    from feedback
    inner join sessions
        on
            feedback.account_id = sessions.account_id
            and feedback.session_id = sessions.session_id
),

-- One person may have voted under their own id and as "the session's user".
-- That is one vote, and the later one stands.
standing_votes as (
    select distinct on (account_id, session_id, step_id, user_id)
        account_id,
        session_id,
        step_id,
        user_id,
        flow_id,
        was_helpful,
        occurred_at
    from votes
    order by
        account_id asc,
        session_id asc,
        step_id asc,
        user_id asc,
        occurred_at desc,
        event_id desc
),

measured as (
    select
        ---------- ids
        standing_votes.account_id,
        standing_votes.session_id,
        standing_votes.step_id,
        standing_votes.user_id,
        standing_votes.flow_id,

        ---------- the vote, on the day it was last cast
        {{ local_day('standing_votes.occurred_at', 'accounts.time_zone') }}
            as day,
        {{ local_time('standing_votes.occurred_at', 'accounts.time_zone') }}
            as time,
        case when standing_votes.was_helpful then 1 else 0 end as helpful_yes,
        case when standing_votes.was_helpful then 0 else 1 end as helpful_no
    from standing_votes
    left join accounts
        on standing_votes.account_id = accounts.account_id
    -- A vote that was withdrawn is no vote.
    where standing_votes.was_helpful is not null
)

select * from measured
