-- The latest start stands, but everyone whom any start has named is kept.
insert into raw.sessions as stored (
    account_id, session_id, flow_id, user_id, started_at,
    started_event_id, started_occurred_at, started_received_at
)
select
    %(account_id)s,
    item.session_id,
    item.flow_id,
    item.user_id,
    item.started_at,
    item.event_id,
    item.occurred_at,
    %(received_at)s
from
    jsonb_to_recordset(%(items)s)
        as item (
            session_id uuid,
            flow_id uuid,
            user_id uuid,
            started_at timestamptz,
            event_id uuid,
            occurred_at timestamptz
        )
on conflict (account_id, session_id) do update set
    (
        flow_id, user_id, started_at,
        started_event_id, started_occurred_at, started_received_at
    ) = (
        select
            start.flow_id,
            start.user_id,
            start.started_at,
            start.event_id,
            start.occurred_at,
            start.received_at
        from (
            values
            (
                stored.flow_id, stored.user_id, stored.started_at,
                stored.started_event_id, stored.started_occurred_at,
                stored.started_received_at
            ),
            (
                excluded.flow_id, excluded.user_id, excluded.started_at,
                excluded.started_event_id, excluded.started_occurred_at,
                excluded.started_received_at
            )
        )
            as start (
                flow_id, user_id, started_at, event_id, occurred_at, received_at
            )
        order by start.occurred_at desc nulls last, start.event_id desc
        limit 1
    ),
    named_user_ids = case
        when
            excluded.user_id is distinct from stored.user_id
            and stored.user_id is not null
            then array(
                select distinct named.user_id
                from
                    unnest(
                        coalesce(
                            stored.named_user_ids, array[stored.user_id]
                        )
                        || excluded.user_id
                    ) as named (user_id)
                order by named.user_id
            )
        else stored.named_user_ids
    end
