-- Built last: what a build found shows when the marts show it, not before.
-- depends_on: {{ ref('daily_outcomes') }}
-- depends_on: {{ ref('daily_ratings') }}
-- depends_on: {{ ref('daily_step_feedback') }}
-- depends_on: {{ ref('daily_step_visits') }}
-- depends_on: {{ ref('account_summaries') }}
-- depends_on: {{ ref('flow_leaderboard') }}
-- depends_on: {{ ref('engineer_leaderboard') }}

with builds as (
    select * from {{ ref('builds') }}
)

select
    account_id,
    as_of,
    data_through,
    time_zone
from builds
