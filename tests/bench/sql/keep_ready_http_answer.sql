insert into public.ready_http_answers (account_id, number, body)
values (%(account_id)s, %(number)s, %(body)s)
on conflict (account_id, number) do update set body = excluded.body
