"""When what runs."""

import dagster as dg

from orchestration.defs.warehouse import warehouse

refresh = dg.define_asset_job(
    "refresh",
    description="Build and test every table: `dbt build`.",
    selection=dg.AssetSelection.assets(warehouse) | dg.AssetSelection.checks(warehouse),
)


@dg.schedule(
    job=refresh,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def refresh_schedule(
    context: dg.ScheduleEvaluationContext,
) -> dg.RunRequest | dg.SkipReason:
    """Refresh every quarter of an hour, unless the last refresh still runs."""
    unfinished = dg.RunsFilter(
        job_name=refresh.name,
        statuses=[
            dg.DagsterRunStatus.QUEUED,
            dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.STARTED,
        ],
    )
    if context.instance.get_runs_count(unfinished):
        return dg.SkipReason("The last refresh has not ended yet.")
    return dg.RunRequest()
