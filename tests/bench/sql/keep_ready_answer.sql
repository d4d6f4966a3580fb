insert into public.ready_answers (account_id, body)
values (%(account_id)s, %(body)s)
