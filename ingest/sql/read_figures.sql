-- What the figures are and mean, as dbt last wrote it down.
select
    name,
    definition,
    description
from live.figures
