-- depends: 0002.dagster

-- A refresh takes the rows that it saw out of the log in the transaction in
-- which it stores them: nothing has to be claimed beforehand.
alter table raw.changes drop column batch_id;

-- Every read looks here, and the rows that a refresh took are in its way until
-- they are vacuumed away.
alter table raw.changes set (
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_analyze_threshold = 500,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0
);
