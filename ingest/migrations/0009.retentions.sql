-- For how many days an account keeps its sessions, and what people wrote about
-- them. Null is as everybody else does: sessions by the setting, comments as
-- long as their sessions. 0 is for ever.
create table raw.retentions (
    account_id uuid primary key,
    session_days integer check (session_days >= 0),
    comment_days integer check (comment_days >= 0),
    set_at timestamptz not null
);
