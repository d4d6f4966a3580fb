with accounts as (
    select * from {{ ref('stg_raw__accounts') }}
),

sessions as (
    select * from {{ ref('stg_raw__sessions') }}
),

visits as (
    select * from {{ ref('stg_raw__step_visits') }}
),

ratings as (
    select * from {{ ref('stg_raw__session_ratings') }}
),

feedback as (
    select * from {{ ref('stg_raw__step_feedback') }}
),

received as (
    -- A known account has a row even when nothing has happened in it.
    select
        account_id,
        null::timestamptz as received_at
    from accounts
    union all
    select
        account_id,
        -- Skips the null of a session that is not completed.
        greatest(started_received_at, completed_received_at) as received_at
    from sessions
    union all
    select
        account_id,
        received_at
    from visits
    union all
    select
        account_id,
        received_at
    from ratings
    union all
    select
        account_id,
        received_at
    from feedback
),

newest_per_account as (
    select
        received.account_id,
        now() as as_of,
        max(received.received_at) as data_through
    from received
    group by received.account_id
),

-- With the zone that the days of this build are in: a change of it shows when
-- the days have changed.
zoned as (
    select
        newest_per_account.account_id,
        newest_per_account.as_of,
        newest_per_account.data_through,
        coalesce(accounts.time_zone, 'UTC') as time_zone
    from newest_per_account
    left join accounts
        on newest_per_account.account_id = accounts.account_id
)

select * from zoned
