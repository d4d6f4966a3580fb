select sessions.session_id
from raw.sessions
where
    sessions.account_id = %(account_id)s
    and sessions.user_id = %(user_id)s
    and sessions.completed_at < now()
    and not exists (
        select true
        from raw.session_ratings
        where
            session_ratings.account_id = sessions.account_id
            and session_ratings.session_id = sessions.session_id
    )
order by sessions.started_at desc
limit 1
