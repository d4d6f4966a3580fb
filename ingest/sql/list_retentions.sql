-- For how long each account keeps what, and from which moment on: the start of
-- a day in its own zone, today being the last of the days. Null is for ever.
with account_ids as (
    select accounts.account_id
    from raw.accounts
    union
    select sessions.account_id
    from raw.sessions
),

retentions as (
    select
        account_ids.account_id,
        accounts.name,
        coalesce(accounts.time_zone, 'UTC') as time_zone,
        retentions.session_days is not null as is_own,
        nullif(
            coalesce(retentions.session_days, %(default_days)s::integer), 0
        ) as session_days,
        nullif(retentions.comment_days, 0) as comment_days
    from account_ids
    left join raw.accounts
        on account_ids.account_id = accounts.account_id
    left join raw.retentions
        on account_ids.account_id = retentions.account_id
    where
        %(account_id)s::uuid is null
        or account_ids.account_id = %(account_id)s::uuid
)

select
    account_id,
    name,
    is_own,
    session_days,
    comment_days,
    (
        (%(now)s::timestamptz at time zone time_zone)::date - (session_days - 1)
    )::timestamp at time zone time_zone as sessions_from,
    (
        (%(now)s::timestamptz at time zone time_zone)::date - (comment_days - 1)
    )::timestamp at time zone time_zone as comments_from
from retentions
order by name, account_id
