-- What asks to be served, as it was built.
select
    definition::text,
    stays_for
from live.served
order by model
