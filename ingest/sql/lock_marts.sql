-- Before the snapshot is taken, which is at the first query: dbt puts a new
-- table in the place of each, and a snapshot from before it sees no rows there.
lock table
marts.daily_outcomes,
marts.daily_ratings,
marts.daily_step_feedback,
marts.data_freshness
in access share mode
