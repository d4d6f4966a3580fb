"""What runs by the clock: tests, which find what nobody wrote, new days, and upkeep."""

import dagster as dg

from orchestration.defs.jobs import check, full_check, refresh
from orchestration.defs.resources import ChangeLog
from orchestration.defs.unfinished import has_unfinished_run
from orchestration.defs.upkeep import prune_runs, vacuum

FEW_DEAD_ROWS = 100
"""A read passes so many in microseconds."""


@dg.schedule(
    job=refresh,
    description=("Refresh and test every quarter of an hour, unless the last refresh still runs."),
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def refresh_schedule(
    context: dg.ScheduleEvaluationContext,
) -> dg.RunRequest | dg.SkipReason:
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


@dg.schedule(
    job=full_check,
    description="Compare all accounts with raw, every night, unless the last time has not ended.",
    cron_schedule="23 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def full_check_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    if has_unfinished_run(context.instance, full_check.name):
        return dg.SkipReason("The last full check has not ended yet.")
    return dg.RunRequest()


@dg.schedule(
    job=vacuum,
    description="Vacuum the change log, every ten minutes, if there is something to clear away.",
    cron_schedule="*/10 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def vacuum_schedule(
    context: dg.ScheduleEvaluationContext, change_log: ChangeLog
) -> dg.RunRequest | dg.SkipReason:
    dead = change_log.dead_rows()
    if dead < FEW_DEAD_ROWS:
        return dg.SkipReason(f"There are {dead} dead rows in the change log.")
    if has_unfinished_run(context.instance, vacuum.name):
        return dg.SkipReason("The last vacuum has not ended yet.")
    return dg.RunRequest()


prune_runs_schedule = dg.ScheduleDefinition(
    name="prune_runs_schedule",
    description="Delete old runs, every night.",
    job=prune_runs,
    cron_schedule="41 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
