-- For one transaction: most of what it joins is wanted, whatever the planner
-- makes of conditions that it cannot look into.
select set_config('enable_nestloop', 'off', true)
