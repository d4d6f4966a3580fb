-- The rate that is made of them lies between 0 and 1.

select
    account_id,
    day,
    flow_id,
    step_id,
    visits,
    drop_offs
from {{ ref('daily_step_visits') }}
where drop_offs not between 0 and visits
