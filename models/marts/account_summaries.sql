{{ config(materialized='view') }}

{{ summaries(
    ref('account_days'), 'day', votes=ref('daily_step_feedback')
) }},

figured as (
    select
        summed.account_id,
        summed.period,
        summed.part,
        summed.day_from,
        summed.day_to,
        {{ columns_of('summed', summary_measures(votes=true)) | indent(8) }},
        {{ figure('completion_rate', 'summed') }},
        {{ figure('avg_duration_minutes', 'summed') }},
        {{ duration_percentile(0.5) }} as p50_duration_minutes,
        {{ duration_percentile(0.9) }} as p90_duration_minutes,
        {{ figure('response_rate', 'summed') }},
        {{ figure('avg_csat', 'summed') }},
        {{ figure('csat_percent', 'summed') }},
        {{ figure('helpful_rate', 'summed') }}
    from summed
)

select * from figured
