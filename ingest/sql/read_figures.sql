-- What the figures are that are quotients, as dbt last wrote it down.
select
    name,
    definition
from live.figures
order by name
