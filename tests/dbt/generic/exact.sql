{#
    A live model shows exactly what a computation from all of raw gives, and what
    is stored of sums is what they are of what is stored. One statement, so one
    snapshot: it holds at any moment, whoever is writing.

    Of some accounts, chosen by chance; more or fewer, or one of them:
        dbt test --select test_name:exact --vars '{accounts_to_check: 100}'
        dbt test --select test_name:exact --vars '{account_to_check: <id>}'
#}
{% test exact(model) %}
{%- set columns = adapter.get_columns_in_relation(model)
    | map(attribute='quoted') | join(', ') -%}
{%- set live = 'live.' ~ live_name(model) -%}
{%- set comparisons = [
    ('live', model, live ~ '__recomputed'),
] -%}
{%- if execute and kind_of(live ~ '__resummed') -%}
    {%- do comparisons.append(
        ('stored', live ~ '__stored', live ~ '__resummed')
    ) -%}
{%- endif -%}
with chosen as materialized (
    {%- if var('account_to_check', none) %}
    select '{{ var("account_to_check") }}'::uuid as account_id
    {%- else %}
    select account_id
    from (
        select account_id from live.accounts
        union
        select account_id from raw.changes
    ) as known
    order by random()
    limit {{ var('accounts_to_check') }}
    {%- endif %}
)

{% for layer, found, expected in comparisons %}
select '{{ layer }}' as layer, 'not expected' as problem, unexpected.*
from (
    select {{ columns }} from {{ found }}
    where account_id in (select account_id from chosen)
    except all
    select {{ columns }} from {{ expected }}
    where account_id in (select account_id from chosen)
) as unexpected
union all
select '{{ layer }}' as layer, 'missing' as problem, missing.*
from (
    select {{ columns }} from {{ expected }}
    where account_id in (select account_id from chosen)
    except all
    select {{ columns }} from {{ found }}
    where account_id in (select account_id from chosen)
) as missing
{{ 'union all' if not loop.last }}
{% endfor %}
{% endtest %}
