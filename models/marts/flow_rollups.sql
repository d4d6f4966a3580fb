{{ rollup('flow_id') }}
