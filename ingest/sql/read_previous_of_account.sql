-- The figures of an account in the window before the one that set_window.sql
-- names, and which that is.
select
    periods.previous_from,
    periods.previous_to,
    periods.previous_until,
    coalesce(summaries.sessions, 0) as sessions,
    coalesce(summaries.completed, 0) as completed,
    coalesce(summaries.resolved, 0) as resolved,
    coalesce(summaries.escalated, 0) as escalated,
    coalesce(summaries.workaround, 0) as workaround,
    coalesce(summaries.unresolved, 0) as unresolved,
    coalesce(summaries.rated, 0) as rated,
    coalesce(summaries.ratings, 0) as ratings,
    coalesce(summaries.rating_1, 0) as rating_1,
    coalesce(summaries.rating_2, 0) as rating_2,
    coalesce(summaries.rating_3, 0) as rating_3,
    coalesce(summaries.rating_4, 0) as rating_4,
    coalesce(summaries.rating_5, 0) as rating_5,
    summaries.completion_rate::double precision as completion_rate,
    summaries.avg_duration_minutes::double precision as avg_duration_minutes,
    summaries.p50_duration_minutes::double precision as p50_duration_minutes,
    summaries.p90_duration_minutes::double precision as p90_duration_minutes,
    summaries.response_rate::double precision as response_rate,
    summaries.avg_csat::double precision as avg_csat,
    summaries.csat_percent::double precision as csat_percent,
    (
        select count(*)
        from marts.engineer_summaries as engineers
        where
            engineers.account_id = %(account_id)s
            and engineers.period = 'custom'
            and engineers.part = 'previous'
            and engineers.sessions > 0
    ) as active_engineers
from marts.compared_periods as periods
left join marts.account_summaries as summaries
    on
        summaries.account_id = %(account_id)s
        and summaries.period = 'custom'
        and summaries.part = 'previous'
where
    periods.account_id = %(account_id)s
    and periods.period = 'custom'
