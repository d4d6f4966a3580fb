"""What runs because something happened."""

import dagster as dg

from orchestration.defs.jobs import refresh
from orchestration.defs.resources import ChangeLog
from orchestration.defs.unfinished import has_unfinished_run

PATIENCE_SECONDS = 60
"""How long a change may wait. `upshot refresh --watch`, where it runs, is quicker and cheaper."""


@dg.sensor(
    job=refresh,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def change_log_sensor(
    context: dg.SensorEvaluationContext, change_log: ChangeLog
) -> dg.RunRequest | dg.SkipReason:
    """Refresh when changes have been waiting for a minute, unless a refresh still runs."""
    waiting = change_log.waiting_seconds()
    if waiting < PATIENCE_SECONDS:
        return dg.SkipReason(f"The oldest change has been waiting for {waiting:.0f} s.")
    if has_unfinished_run(context.instance, refresh.name):
        return dg.SkipReason("The last refresh has not ended yet.")
    return dg.RunRequest()
