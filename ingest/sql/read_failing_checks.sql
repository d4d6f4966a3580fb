-- Which data tests failed, or could not run, the last time that they were run.
select name
from live.checks
where status in ('fail', 'error')
order by name
