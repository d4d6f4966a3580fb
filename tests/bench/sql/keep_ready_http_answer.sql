insert into public.ready_http_answers (account_id, name, body)
values (%(account_id)s, %(name)s, %(body)s)
on conflict (account_id, name) do update set body = excluded.body
