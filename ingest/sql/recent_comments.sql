-- Comments are personal data: they are in no model, and read from here alone.
select
    session_ratings.rating,
    session_ratings.comment,
    session_ratings.occurred_at as created_at,
    coalesce(users.name, 'Unknown') as user_name
from raw.session_ratings
inner join raw.sessions
    on
        session_ratings.account_id = sessions.account_id
        and session_ratings.session_id = sessions.session_id
left join raw.users
    on
        sessions.account_id = users.account_id
        and sessions.user_id = users.user_id
where
    session_ratings.account_id = %(account_id)s
    and sessions.flow_id = %(flow_id)s
    and sessions.completed_at is not null
    and session_ratings.comment is not null
    and session_ratings.comment <> ''
order by session_ratings.occurred_at desc, session_ratings.event_id desc
limit %(most)s
