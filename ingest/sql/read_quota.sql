select quotas.full_at - clock_timestamp() as debt
from raw.quotas
where quotas.account_id = %(account_id)s
