-- The accounts, and in each its flows with six steps each and its engineers.
with accounts as (
    select
        account.account_id,
        account.name,
        account.time_zone,
        account.flows,
        account.engineers
    from
        unnest(
            %(account_ids)s::uuid[],
            %(names)s::text[],
            %(time_zones)s::text[],
            %(flows)s::integer[],
            %(engineers)s::integer[]
        ) as account (account_id, name, time_zone, flows, engineers)
),

flows as (
    select
        accounts.account_id,
        flow.number,
        md5(accounts.account_id || ' flow ' || flow.number)::uuid as flow_id
    from accounts
    cross join
        lateral generate_series(1, accounts.flows) as flow (number)
),

engineers as (
    select
        accounts.account_id,
        engineer.number,
        md5(accounts.account_id || ' engineer ' || engineer.number)::uuid
            as user_id
    from accounts
    cross join
        lateral generate_series(1, accounts.engineers) as engineer (number)
),

stored_accounts as (
    insert into raw.accounts (
        account_id, name, time_zone, event_id, occurred_at, received_at
    )
    select
        account_id,
        name,
        time_zone,
        account_id as event_id,
        %(until)s - interval '1 year',
        %(until)s - interval '1 year'
    from accounts
),

stored_flows as (
    insert into raw.flows (
        account_id, flow_id, name, event_id, occurred_at, received_at
    )
    select
        account_id,
        flow_id,
        'Flow ' || number,
        flow_id as event_id,
        %(until)s - interval '1 year',
        %(until)s - interval '1 year'
    from flows
),

stored_steps as (
    insert into raw.flow_steps (
        account_id, flow_id, step_id, title, position,
        event_id, occurred_at, received_at
    )
    select
        flows.account_id,
        flows.flow_id,
        'step-' || step.number,
        'Step ' || step.number,
        step.number,
        flows.flow_id as event_id,
        %(until)s - interval '1 year',
        %(until)s - interval '1 year'
    from flows
    cross join generate_series(1, 6) as step (number)
)

insert into raw.users (
    account_id, user_id, name, role, event_id, occurred_at, received_at
)
select
    account_id,
    user_id,
    'Engineer ' || number,
    'engineer',
    user_id as event_id,
    %(until)s - interval '1 year',
    %(until)s - interval '1 year'
from engineers
