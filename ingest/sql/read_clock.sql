select clock_timestamp() as clock
