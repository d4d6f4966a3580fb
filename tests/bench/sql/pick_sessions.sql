-- Any sessions since then, of one account or of all; where they do not suffice,
-- the newest of those before.
select
    account_id,
    session_id
from raw.sessions
where
    started_at is not null
    and (%(account_id)s::uuid is null or account_id = %(account_id)s)
order by
    least(started_at, %(since)s) desc,
    uuid_hash_extended(session_id, %(seed)s) asc
limit %(most)s
