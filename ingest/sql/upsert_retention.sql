-- What is null stays as it is.
insert into raw.retentions as stored (
    account_id, session_days, comment_days, set_at
)
values (
    %(account_id)s, %(session_days)s::integer, %(comment_days)s::integer,
    %(set_at)s
)
on conflict (account_id) do update set
    session_days = coalesce(excluded.session_days, stored.session_days),
    comment_days = coalesce(excluded.comment_days, stored.comment_days),
    set_at = excluded.set_at
