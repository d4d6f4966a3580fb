{{ rollup('user_id') }}
