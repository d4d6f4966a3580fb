create table public.ready_answers (
    account_id uuid primary key,
    body text not null
)
