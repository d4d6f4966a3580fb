{{ config(meta={'dagster': {'ref': {'name': 'account_summaries'}}}) }}

{% set outcome_measures = [
    'sessions', 'completed', 'duration_microseconds', 'resolved', 'escalated',
    'workaround', 'unresolved', 'rated',
] %}
{% set rating_measures = [
    'ratings', 'rating_points', 'rating_1', 'rating_2', 'rating_3',
    'rating_4', 'rating_5',
] %}
{% set vote_measures = ['helpful_yes', 'helpful_no'] %}

-- Over the days that the summary says it covers.

with summaries as (
    select *
    from {{ ref('account_summaries') }}
    where part = 'current'
),

outcomes as (
    select * from {{ ref('daily_outcomes') }}
),

ratings as (
    select * from {{ ref('daily_ratings') }}
),

votes as (
    select * from {{ ref('daily_step_feedback') }}
),

sums_of_outcomes as (
    select
        summaries.account_id,
        summaries.period,
    {% for measure in outcome_measures %}
        coalesce(sum(outcomes.{{ measure }}), 0) as {{ measure }}
        {{- "," if not loop.last }}
    {% endfor %}
    from summaries
    left join outcomes
        on
            summaries.account_id = outcomes.account_id
            and outcomes.day between summaries.day_from and summaries.day_to
    group by
        summaries.account_id,
        summaries.period
),

sums_of_ratings as (
    select
        summaries.account_id,
        summaries.period,
    {% for measure in rating_measures %}
        coalesce(sum(ratings.{{ measure }}), 0) as {{ measure }}
        {{- "," if not loop.last }}
    {% endfor %}
    from summaries
    left join ratings
        on
            summaries.account_id = ratings.account_id
            and ratings.day between summaries.day_from and summaries.day_to
    group by
        summaries.account_id,
        summaries.period
),

sums_of_votes as (
    select
        summaries.account_id,
        summaries.period,
    {% for measure in vote_measures %}
        coalesce(sum(votes.{{ measure }}), 0) as {{ measure }}
        {{- "," if not loop.last }}
    {% endfor %}
    from summaries
    left join votes
        on
            summaries.account_id = votes.account_id
            and votes.day between summaries.day_from and summaries.day_to
    group by
        summaries.account_id,
        summaries.period
)

select
    summaries.account_id,
    summaries.period
from summaries
inner join sums_of_outcomes
    on
        summaries.account_id = sums_of_outcomes.account_id
        and summaries.period = sums_of_outcomes.period
inner join sums_of_ratings
    on
        summaries.account_id = sums_of_ratings.account_id
        and summaries.period = sums_of_ratings.period
inner join sums_of_votes
    on
        summaries.account_id = sums_of_votes.account_id
        and summaries.period = sums_of_votes.period
where
    false
    {% for measure in outcome_measures %}
        or summaries.{{ measure }} <> sums_of_outcomes.{{ measure }}
    {% endfor %}
    {% for measure in rating_measures %}
        or summaries.{{ measure }} <> sums_of_ratings.{{ measure }}
    {% endfor %}
    {% for measure in vote_measures %}
        or summaries.{{ measure }} <> sums_of_votes.{{ measure }}
    {% endfor %}
