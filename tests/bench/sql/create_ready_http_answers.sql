create table public.ready_http_answers (
    account_id uuid not null,
    number integer not null,
    body text not null,
    primary key (account_id, number)
);
-- Readers see the rows of their account, as they do of what is live.
select access.lock_rows('public.ready_http_answers');
select access.serve('public.ready_http_answers')
