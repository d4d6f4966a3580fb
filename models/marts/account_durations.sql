{{ duration_rollup([1, 4, 16, 64, 256]) }}
