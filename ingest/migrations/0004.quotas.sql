-- How much of its quota an account has used, as the time at which it will have
-- all of it again. Unlogged: it costs no flush, and a crash forgives the debt.
create unlogged table raw.quotas (
    account_id uuid primary key,
    full_at timestamptz not null
);
