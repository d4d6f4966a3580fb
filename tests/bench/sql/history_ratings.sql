-- Three in ten of the completed sessions, most within ten minutes, one in eight
-- within a week; a third of them with a comment.
with drawn as (
    select
        account_id,
        session_id,
        completed_at,
        uuid_hash_extended(session_id, 0) as subject
    from raw.sessions
    where completed_at is not null
    offset 0
),

rated as (
    select
        account_id,
        session_id,
        (array[5, 5, 5, 5, 5, 5, 5, 5, 5, 4, 4, 4, 4, 4, 3, 3, 3, 2, 2, 1])[
            1 + floor(20 * pg_temp.chance(subject, 12))::integer
        ] as rating,
        pg_temp.chance(subject, 13) < 0.33 as is_commented,
        completed_at
        + pg_temp.chance(subject, 14)
        * case
            when pg_temp.chance(subject, 15) < 0.125 then interval '7 days'
            else interval '10 minutes'
        end as given_at
    from drawn
    where pg_temp.chance(subject, 11) < 0.3
    offset 0
)

insert into raw.session_ratings (
    account_id, session_id, rating, comment, event_id, occurred_at, received_at
)
select
    account_id,
    session_id,
    rating,
    case when is_commented then 'The last step was the one that helped.' end,
    session_id as event_id,
    given_at,
    given_at as received_at
from rated
where given_at <= %(until)s
