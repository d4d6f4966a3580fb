create table public.ready_http_answers (
    account_id uuid not null,
    name text not null,
    body text not null,
    primary key (account_id, name)
)
