-- depends: 0001.raw

-- Dagster keeps its runs, schedules and event logs here, and makes its own
-- tables.

create schema dagster;
