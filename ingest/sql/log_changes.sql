insert into raw.changes (account_id, session_id, received_at)
select
    %(account_id)s,
    unnest(%(session_ids)s::uuid[]),
    %(received_at)s
