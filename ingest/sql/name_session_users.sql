-- Everyone whom an event names as the session's user, be it known or not yet.
insert into raw.sessions as stored (account_id, session_id, named_user_ids)
select
    %(account_id)s,
    item.session_id,
    array[item.user_id]
from jsonb_to_recordset(%(items)s) as item (session_id uuid, user_id uuid)
on conflict (account_id, session_id) do update set
    named_user_ids = array(
        select distinct named.user_id
        from
            unnest(
                stored.named_user_ids || excluded.named_user_ids
            ) as named (user_id)
        order by named.user_id
    )
where not stored.named_user_ids @> excluded.named_user_ids
