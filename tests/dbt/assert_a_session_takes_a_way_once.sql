-- However often a session went from a step to the next, it took that way once.

select
    account_id,
    session_id,
    step_id,
    next_step_id,
    passes
from {{ ref('step_edge_facts') }}
where passes <> 1
