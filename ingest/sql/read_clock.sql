-- The zone that the account's figures are in, its today, and how far the
-- figures reach. An account that no build has seen has its zone of now.
select
    zone.time_zone,
    (now() at time zone zone.time_zone)::date as today,
    freshness.as_of,
    freshness.data_through
from (
    select
        coalesce(
            (
                select data_freshness.time_zone
                from marts.data_freshness
                where data_freshness.account_id = %(account_id)s
            ),
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
