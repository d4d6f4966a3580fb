-- The numbered sessions, the first of them a year ago and the last one now. A
-- few flows and engineers have much of the work.
with flows as (
    select
        account_id,
        array_agg(flow_id order by flow_id) as flow_ids
    from raw.flows
    group by account_id
),

engineers as (
    select
        account_id,
        array_agg(user_id order by user_id) as user_ids
    from raw.users
    group by account_id
),

slots as (
    select
        slot.account_id,
        slot.number,
        flows.flow_ids,
        engineers.user_ids
    from
        unnest(%(slots)s::uuid[]) with ordinality as slot (account_id, number)
    inner join flows
        on slot.account_id = flows.account_id
    inner join engineers
        on slot.account_id = engineers.account_id
),

drawn as (
    select
        slots.account_id,
        md5('session ' || session.number)::uuid as session_id,
        slots.flow_ids[
            1 + floor(
                cardinality(slots.flow_ids)
                * pg_temp.chance(session.number, 1) ^ 2
            )::integer
        ] as flow_id,
        slots.user_ids[
            1 + floor(
                cardinality(slots.user_ids)
                * pg_temp.chance(session.number, 2) ^ 1.5
            )::integer
        ] as user_id,
        %(until)s - interval '365 days' * (
            (%(sessions)s - session.number)::double precision / %(sessions)s
        ) as started_at,
        interval '1 minute' * (
            1 - 15 * ln(1 - pg_temp.chance(session.number, 3))
        ) as duration,
        pg_temp.chance(session.number, 4) < 0.85 as completes,
        (array[
            'resolved', 'resolved', 'resolved', 'resolved', 'resolved',
            'escalated', 'escalated', 'workaround', 'workaround', 'unresolved'
        ])[1 + floor(10 * pg_temp.chance(session.number, 5))::integer]
            as outcome
    from
        generate_series(%(first)s::bigint, %(last)s::bigint)
            as session (number)
    inner join slots
        on mod(session.number, 100) + 1 = slots.number
    -- Or what is drawn once would be drawn for each column that uses it.
    offset 0
),

timed as (
    select
        account_id,
        session_id,
        flow_id,
        user_id,
        started_at,
        case
            when completes and started_at + duration <= %(until)s
                then started_at + duration
        end as completed_at,
        outcome
    from drawn
    offset 0
)

insert into raw.sessions (
    account_id, session_id, flow_id, user_id, started_at, started_event_id,
    started_occurred_at, started_received_at, named_user_ids, outcome,
    completed_at, completed_event_id, completed_occurred_at,
    completed_received_at
)
select
    account_id,
    session_id,
    flow_id,
    user_id,
    started_at,
    session_id as started_event_id,
    started_at as started_occurred_at,
    started_at as started_received_at,
    array[user_id],
    case when completed_at is not null then outcome end,
    completed_at,
    case when completed_at is not null then session_id end,
    completed_at as completed_occurred_at,
    completed_at as completed_received_at
from timed
