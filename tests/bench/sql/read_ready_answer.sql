select body
from public.ready_answers
where account_id = %(account_id)s
