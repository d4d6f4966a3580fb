{{ config(meta={'dagster': {'ref': {'name': 'facts'}}}) }}

-- Each started session is in the facts, and nothing else is.

with sessions as (
    select * from {{ ref('stg_raw__sessions') }}
),

facts as (
    select * from {{ ref('facts') }}
),

unmatched as (
    select
        coalesce(sessions.account_id, facts.account_id) as account_id,
        coalesce(sessions.session_id, facts.session_id) as session_id
    from sessions
    full outer join facts
        on
            sessions.account_id = facts.account_id
            and sessions.session_id = facts.session_id
    where
        sessions.session_id is null
        or facts.session_id is null
        or facts.sessions <> 1
)

select * from unmatched
