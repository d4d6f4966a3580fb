-- True only of a flow that is known and, as it is today, without the step.
select true
from raw.flows
where
    flows.account_id = %(account_id)s
    and flows.flow_id = %(flow_id)s
    and not exists (
        select true
        from raw.flow_steps
        where
            flow_steps.account_id = flows.account_id
            and flow_steps.flow_id = flows.flow_id
            and flow_steps.step_id = %(step_id)s
            and flow_steps.event_id = flows.event_id
    )
