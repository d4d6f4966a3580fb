{{ config(materialized='view') }}

{{ summaries(
    ref('engineer_rollups'), 'day_from', key='user_id'
) }},

figured as (
    select
        summed.account_id,
        summed.period,
        summed.part,
        summed.user_id,
        summed.day_from,
        summed.day_to,
        {{ columns_of('summed', summary_measures(votes=false)) | indent(8) }},
        {{ figure('completion_rate', 'summed') }},
        {{ figure('avg_duration_minutes', 'summed') }},
        {{ duration_percentile(0.5, 'user_id') }} as p50_duration_minutes,
        {{ duration_percentile(0.9, 'user_id') }} as p90_duration_minutes,
        {{ figure('response_rate', 'summed') }},
        {{ figure('avg_csat', 'summed') }},
        {{ figure('csat_percent', 'summed') }}
    from summed
)

select * from figured
