-- The zones that can be computed with: those that this server knows.
select name
from pg_timezone_names
where name ~ '^[A-Z]' and name not in ('Factory')
