-- What asks to be served, as it was built.
select
    definition::text,
    is_settled
from live.served
order by model
