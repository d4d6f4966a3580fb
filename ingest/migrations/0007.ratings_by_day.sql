-- depends: 0006.sessions_by_start

-- Sessions are listed by the day of their rating, too. The ratings with a
-- comment have an index in that order: with this one every rating is in one of
-- two, and none is written to both.
create index session_ratings_newest_without_comment
on raw.session_ratings (account_id, occurred_at desc)
where comment is null;
