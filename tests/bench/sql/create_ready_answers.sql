create table public.ready_answers (
    account_id uuid primary key,
    body text not null
);
-- Readers see the rows of their account, as they do of what is live.
select access.lock_rows('public.ready_answers');
select access.serve('public.ready_answers')
