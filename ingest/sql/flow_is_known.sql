select
    exists (
        select true
        from marts.flows
        where
            flows.account_id = %(account_id)s
            and flows.flow_id = %(flow_id)s
    )
    or exists (
        select true
        from marts.daily_outcomes
        where
            daily_outcomes.account_id = %(account_id)s
            and daily_outcomes.flow_id = %(flow_id)s
    )
