-- Before the snapshot is taken, which is at the first query: a model whose
-- columns changed gets a new table, and a snapshot from before it sees no rows
-- there.
lock table
live.account_days__stored,
live.account_durations__stored,
live.daily_outcomes__stored,
live.daily_ratings__stored,
live.daily_step_edges__stored,
live.daily_step_feedback__stored,
live.daily_step_visits__stored,
live.engineer_rollups__stored,
live.facts__stored,
live.flow_durations__stored,
live.flow_rollups__stored,
live.step_edge_facts__stored,
live.step_visit_facts__stored,
live.step_vote_facts__stored
in access share mode
