{{ config(meta={'dagster': {'ref': {'name': 'daily_outcomes'}}}) }}

{% set outcome_measures = [
    'sessions', 'completed', 'duration_microseconds', 'resolved', 'escalated',
    'workaround', 'unresolved', 'rated',
] %}
{% set rating_measures = [
    'ratings', 'rating_points', 'rating_1', 'rating_2', 'rating_3',
    'rating_4', 'rating_5',
] %}

-- Each session is in one day, and so is each rating: no join or filter between
-- the facts and the days loses or doubles one.

with facts as (
    select
        facts.*,
        facts.ratings as rated
    from {{ ref('facts') }} as facts
),

outcomes as (
    select * from {{ ref('daily_outcomes') }}
),

ratings as (
    select * from {{ ref('daily_ratings') }}
),

sums_of_sessions as (
    select
        account_id,
    {% for measure in outcome_measures + rating_measures %}
        sum({{ measure }}) as {{ measure }}{{ "," if not loop.last }}
    {% endfor %}
    from facts
    group by account_id
),

sums_of_outcome_days as (
    select
        account_id,
    {% for measure in outcome_measures %}
        sum({{ measure }}) as {{ measure }}{{ "," if not loop.last }}
    {% endfor %}
    from outcomes
    group by account_id
),

sums_of_rating_days as (
    select
        account_id,
    {% for measure in rating_measures %}
        sum({{ measure }}) as {{ measure }}{{ "," if not loop.last }}
    {% endfor %}
    from ratings
    group by account_id
)

select sums_of_sessions.account_id
from sums_of_sessions
left join sums_of_outcome_days
    on sums_of_sessions.account_id = sums_of_outcome_days.account_id
left join sums_of_rating_days
    on sums_of_sessions.account_id = sums_of_rating_days.account_id
where
    false
    {% for measure in outcome_measures %}
        or sums_of_sessions.{{ measure }}
        is distinct from sums_of_outcome_days.{{ measure }}
    {% endfor %}
    {% for measure in rating_measures %}
        or sums_of_sessions.{{ measure }}
        <> coalesce(sums_of_rating_days.{{ measure }}, 0)
    {% endfor %}
