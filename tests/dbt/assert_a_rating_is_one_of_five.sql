-- The distribution of the ratings sums to the ratings, and to their points.

select
    account_id,
    session_id,
    ratings,
    rating_points
from {{ ref('facts') }}
where
    ratings <> rating_1 + rating_2 + rating_3 + rating_4 + rating_5
    or rating_points
    <> rating_1 + 2 * rating_2 + 3 * rating_3 + 4 * rating_4 + 5 * rating_5
    or (ratings = 1) <> (rating_day is not null)
