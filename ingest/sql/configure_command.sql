-- DateStyle: what comes out of the database is read the same wherever it runs.
select
    set_config('role', %(role)s, false),
    set_config('DateStyle', 'ISO', false)
