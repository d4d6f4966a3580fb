-- Judges and stores many votes at once, withdrawals among them (was_helpful is
-- null); no session and step comes twice. A row for each, with the code of the
-- problem if it was refused, and whether a vote stood before.
with asked as (
    select
        item.event_id,
        item.session_id,
        item.step_id,
        item.user_id,
        item.was_helpful,
        item.occurred_at
    from jsonb_to_recordset(%(items)s) as item (
        event_id uuid,
        session_id uuid,
        step_id text,
        user_id uuid,
        was_helpful boolean,
        occurred_at timestamptz
    )
),

-- A step is missing only in a flow that is known, and as it is today.
judged as (
    select
        asked.event_id,
        asked.session_id,
        asked.step_id,
        asked.user_id,
        asked.was_helpful,
        asked.occurred_at,
        case
            when sessions.started_at is null then 'session_not_found'
            when sessions.user_id <> asked.user_id then 'not_your_session'
            when
                asked.was_helpful is not null
                and flows.event_id is not null
                and coalesce(flow_steps.event_id <> flows.event_id, true)
                then 'step_not_found'
        end as refusal
    from asked
    left join raw.sessions
        on
            sessions.account_id = %(account_id)s
            and asked.session_id = sessions.session_id
    left join raw.flows
        on
            flows.account_id = %(account_id)s
            and sessions.flow_id = flows.flow_id
    left join raw.flow_steps
        on
            flow_steps.account_id = %(account_id)s
            and sessions.flow_id = flow_steps.flow_id
            and asked.step_id = flow_steps.step_id
),

standing as (
    -- The owner's votes stand under their id and, unnamed, under the nil id.
    select distinct on (votes.session_id, votes.step_id)
        votes.session_id,
        votes.step_id,
        votes.was_helpful,
        votes.occurred_at
    from judged
    inner join raw.step_feedback as votes
        on
            votes.account_id = %(account_id)s
            and judged.session_id = votes.session_id
            and judged.step_id = votes.step_id
            and votes.user_id in (
                judged.user_id, '00000000-0000-0000-0000-000000000000'
            )
    where judged.refusal is null
    order by
        votes.session_id asc,
        votes.step_id asc,
        votes.occurred_at desc,
        votes.event_id desc
),

stored as (
    insert into raw.step_feedback as vote (
        account_id, session_id, step_id, user_id, was_helpful,
        event_id, occurred_at, received_at
    )
    select
        %(account_id)s,
        judged.session_id,
        judged.step_id,
        judged.user_id,
        judged.was_helpful,
        judged.event_id,
        -- It beats what stands, even if a fast clock dated that ahead of ours.
        greatest(
            judged.occurred_at,
            standing.occurred_at + interval '1 microsecond'
        ),
        judged.occurred_at
    from judged
    left join standing
        on
            judged.session_id = standing.session_id
            and judged.step_id = standing.step_id
    where
        judged.refusal is null
        -- To withdraw where nothing stands changes nothing.
        and (
            judged.was_helpful is not null
            or standing.was_helpful is not null
        )
    order by judged.session_id asc, judged.step_id asc
    on conflict (account_id, session_id, step_id, user_id) do update
        set
            was_helpful = excluded.was_helpful,
            event_id = excluded.event_id,
            occurred_at = excluded.occurred_at,
            received_at = excluded.received_at
        where
        (excluded.occurred_at, excluded.event_id)
        > (vote.occurred_at, vote.event_id)
    returning vote.session_id, vote.received_at
),

logged as (
    insert into raw.changes (account_id, session_id, received_at)
    select
        %(account_id)s,
        stored.session_id,
        max(stored.received_at)
    from stored
    group by stored.session_id
)

select
    judged.event_id,
    judged.refusal,
    standing.was_helpful is not null as stood
from judged
left join standing
    on
        judged.session_id = standing.session_id
        and judged.step_id = standing.step_id
