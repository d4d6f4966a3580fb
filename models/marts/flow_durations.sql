-- Fewer spans than elsewhere: of a flow there are about as many buckets in a
-- few days as sessions.
{{ duration_rollup([1, 16, 256], 'flow_id') }}
