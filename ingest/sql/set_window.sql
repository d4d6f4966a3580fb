-- The custom period of marts.periods, until the transaction ends.
select
    set_config('app.day_from', %(day_from)s::date::text, true),
    set_config('app.day_to', %(day_to)s::date::text, true)
