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
    -- One look-up each, whatever the planner thinks of the size of a group.
    left join lateral (
        select
            sessions.user_id,
            sessions.flow_id,
            sessions.started_at
        from raw.sessions
        where
            sessions.account_id = %(account_id)s
            and sessions.session_id = asked.session_id
        limit 1
    ) as sessions on true
    left join lateral (
        select flows.event_id
        from raw.flows
        where
            flows.account_id = %(account_id)s
            and flows.flow_id = sessions.flow_id
        limit 1
    ) as flows on true
    left join lateral (
        select flow_steps.event_id
        from raw.flow_steps
        where
            flow_steps.account_id = %(account_id)s
            and flow_steps.flow_id = sessions.flow_id
            and flow_steps.step_id = asked.step_id
        limit 1
    ) as flow_steps on true
),

standing as (
    -- The owner's votes stand under their id and, unnamed, under the nil id.
    select
        judged.event_id,
        latest.was_helpful,
        latest.occurred_at
    from judged
    cross join
        lateral (
            select
                votes.was_helpful,
                votes.occurred_at
            from raw.step_feedback as votes
            where
                votes.account_id = %(account_id)s
                and votes.session_id = judged.session_id
                and votes.step_id = judged.step_id
                and votes.user_id in (
                    judged.user_id, '00000000-0000-0000-0000-000000000000'
                )
            order by votes.occurred_at desc, votes.event_id desc
            limit 1
        ) as latest
    where judged.refusal is null
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
        on judged.event_id = standing.event_id
    where
        judged.refusal is null
        -- To withdraw where nothing stands changes nothing.
        and (
            judged.was_helpful is not null
            or standing.was_helpful is not null
        )
    order by judged.session_id asc, judged.step_id collate "C" asc
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
    on judged.event_id = standing.event_id
