{{ duration_rollup() }}
