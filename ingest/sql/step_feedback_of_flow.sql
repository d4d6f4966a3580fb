-- The flow's steps of today, voted on or not, then those it dropped and those
-- it never named that have votes in the window.
with votes as (
    select
        step_id,
        sum(helpful_yes)::bigint as helpful_yes,
        sum(helpful_no)::bigint as helpful_no
    from marts.daily_step_feedback
    where
        account_id = %(account_id)s
        and flow_id = %(flow_id)s
        and day between %(day_from)s and %(day_to)s
    group by step_id
),

steps as (
    select
        step_id,
        title,
        position,
        is_current
    from marts.flow_steps
    where account_id = %(account_id)s and flow_id = %(flow_id)s
)

select
    coalesce(steps.step_id, votes.step_id) as step_id,
    coalesce(steps.title, 'Unknown') as title,
    coalesce(votes.helpful_yes, 0) as helpful_yes,
    coalesce(votes.helpful_no, 0) as helpful_no
from steps
full join votes
    on steps.step_id = votes.step_id
where steps.is_current or votes.step_id is not null
order by
    coalesce(steps.is_current, false) desc,
    steps.position asc nulls last,
    coalesce(steps.step_id, votes.step_id) collate "C" asc
