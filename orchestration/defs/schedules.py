"""What runs by the clock: tests, which find what nobody wrote, and new days."""

import dagster as dg

from orchestration.defs.jobs import check, refresh
from orchestration.defs.unfinished import has_unfinished_run


@dg.schedule(
    job=refresh,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def refresh_schedule(
    context: dg.ScheduleEvaluationContext,
) -> dg.RunRequest | dg.SkipReason:
    """Refresh and test every quarter of an hour, unless the last refresh still runs."""
    if has_unfinished_run(context.instance, refresh.name):
        return dg.SkipReason("The last refresh has not ended yet.")
    return dg.RunRequest()


check_schedule = dg.ScheduleDefinition(
    name="check_schedule",
    description="Compare some accounts with raw, every hour.",
    job=check,
    cron_schedule="7 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
