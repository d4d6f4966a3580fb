select occurred_at
from raw.flows
where account_id = %(account_id)s and flow_id = %(id)s
