{{ config(meta={'dagster': {'ref': {'name': 'account_summaries'}}}) }}

{% set measures = [
    'sessions', 'completed', 'duration_microseconds', 'resolved', 'escalated',
    'workaround', 'unresolved', 'rated', 'ratings', 'rating_points',
    'rating_1', 'rating_2', 'rating_3', 'rating_4', 'rating_5',
] %}

-- Flows and engineers alike: everything that is counted has one of each.

with summaries as (
    select * from {{ ref('account_summaries') }}
),

{% for board in ['flow_leaderboard', 'engineer_leaderboard'] %}
    {{ board }}_sums as (
        select
            account_id,
            period,
        {% for measure in measures %}
            sum({{ measure }}) as {{ measure }}{{ "," if not loop.last }}
        {% endfor %}
        from {{ ref(board) }}
        group by
            account_id,
            period
    ),

    {{ board }}_differences as (
        select
            '{{ board }}' as leaderboard,
            coalesce(summaries.account_id, {{ board }}_sums.account_id)
                as account_id,
            coalesce(summaries.period, {{ board }}_sums.period) as period
        from summaries
        full outer join {{ board }}_sums
            on
                summaries.account_id = {{ board }}_sums.account_id
                and summaries.period = {{ board }}_sums.period
        where
            summaries.account_id is null
            {% for measure in measures %}
                or summaries.{{ measure }}
                <> coalesce({{ board }}_sums.{{ measure }}, 0)
            {% endfor %}
    ),
{% endfor %}

differences as (
    select * from flow_leaderboard_differences
    union all
    select * from engineer_leaderboard_differences
)

select * from differences
