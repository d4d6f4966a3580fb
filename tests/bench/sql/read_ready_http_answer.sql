select body
from public.ready_http_answers
where account_id = %(account_id)s and number = %(number)s
