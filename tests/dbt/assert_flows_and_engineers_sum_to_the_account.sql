{{ config(meta={'dagster': {'ref': {'name': 'account_summaries'}}}) }}

{% set measures = summary_measures(votes=false) %}

-- Everything that is counted has one flow and one engineer, in the period and
-- in the window before it.

with accounts as (
    select * from {{ ref('account_summaries') }}
),

{% for parts in ['flow_summaries', 'engineer_summaries'] %}
    {{ parts }}_sums as (
        select
            account_id,
            period,
            part,
        {% for measure in measures %}
            sum({{ measure }}) as {{ measure }}{{ "," if not loop.last }}
        {% endfor %}
        from {{ ref(parts) }}
        group by
            account_id,
            period,
            part
    ),

    {{ parts }}_differences as (
        select
            '{{ parts }}' as parts,
            coalesce(accounts.account_id, {{ parts }}_sums.account_id)
                as account_id,
            coalesce(accounts.period, {{ parts }}_sums.period) as period
        from accounts
        full outer join {{ parts }}_sums
            on
                accounts.account_id = {{ parts }}_sums.account_id
                and accounts.period = {{ parts }}_sums.period
                and accounts.part = {{ parts }}_sums.part
        where
            accounts.account_id is null
            {% for measure in measures %}
                or accounts.{{ measure }}
                <> coalesce({{ parts }}_sums.{{ measure }}, 0)
            {% endfor %}
    ),
{% endfor %}

differences as (
    select * from flow_summaries_differences
    union all
    select * from engineer_summaries_differences
)

select * from differences
