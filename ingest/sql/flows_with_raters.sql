-- The flows, of all or of one, that at least so many different people have
-- rated: whose completed sessions have a rating, ever.
--
-- Flows and people are found by jumping from one to the next in an index, and
-- nobody is looked for when there are enough.
with recursive flows as (
    (
        select sessions.flow_id
        from raw.sessions
        where
            sessions.account_id = %(account_id)s
            and sessions.started_at is not null
            and (%(flow_id)s::uuid is null or sessions.flow_id = %(flow_id)s)
        order by sessions.flow_id asc
        limit 1
    )
    union all
    select (
        select sessions.flow_id
        from raw.sessions
        where
            sessions.account_id = %(account_id)s
            and sessions.started_at is not null
            and %(flow_id)s::uuid is null
            and sessions.flow_id > flows.flow_id
        order by sessions.flow_id asc
        limit 1
    )
    from flows
    where flows.flow_id is not null
)

select flows.flow_id
from flows
where
    flows.flow_id is not null
    and %(fewest)s <= (
        with recursive people as (
            (
                select sessions.user_id
                from raw.sessions
                where
                    sessions.account_id = %(account_id)s
                    and sessions.started_at is not null
                    and sessions.flow_id = flows.flow_id
                order by sessions.user_id asc
                limit 1
            )
            union all
            select (
                select sessions.user_id
                from raw.sessions
                where
                    sessions.account_id = %(account_id)s
                    and sessions.started_at is not null
                    and sessions.flow_id = flows.flow_id
                    and sessions.user_id > people.user_id
                order by sessions.user_id asc
                limit 1
            )
            from people
            where people.user_id is not null
        )

        select count(*)
        from (
            select true
            from people
            where
                people.user_id is not null
                and exists (
                    select true
                    from raw.sessions
                    where
                        sessions.account_id = %(account_id)s
                        and sessions.flow_id = flows.flow_id
                        and sessions.user_id = people.user_id
                        and sessions.started_at is not null
                        -- A look-up for each; joined, all would be read.
                        and (
                            select ratings.rating
                            from staging.stg_raw__session_ratings as ratings
                            where
                                ratings.account_id = %(account_id)s
                                and ratings.session_id = sessions.session_id
                        ) is not null
                )
            limit %(fewest)s
        ) as raters
    )
