{{ duration_rollup('flow_id') }}
