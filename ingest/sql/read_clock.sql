-- The account's zone and today, and how far the figures reach.
select
    zone.time_zone,
    (now() at time zone zone.time_zone)::date as today,
    freshness.as_of,
    freshness.data_through
from (
    select
        coalesce(
            (
                select accounts.time_zone
                from marts.accounts
                where accounts.account_id = %(account_id)s
            ),
            'UTC'
        ) as time_zone
) as zone
left join marts.data_freshness as freshness
    on freshness.account_id = %(account_id)s
