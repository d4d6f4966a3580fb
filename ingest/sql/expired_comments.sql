select session_id
from raw.session_ratings
where
    account_id = %(account_id)s
    and comment is not null
    and occurred_at < %(comments_from)s
order by account_id asc, occurred_at asc, event_id asc
limit %(most)s
