"""What runs because something happened."""

import dagster as dg

from orchestration.defs.jobs import refresh
from orchestration.defs.resources import ChangeLog
from orchestration.defs.unfinished import has_unfinished_run

PATIENCE_SECONDS = 60
"""How long a change may wait. `upshot refresh --watch`, where it runs, is quicker and cheaper."""
MOST_CHANGES = 1_000
"""How many may wait, however new: a first read of so many takes some 20 ms more."""


@dg.sensor(
    job=refresh,
    description=(
        "Refresh when a change has been waiting for a minute or a thousand changes wait, unless a"
        " refresh still runs."
    ),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def change_log_sensor(
    context: dg.SensorEvaluationContext, change_log: ChangeLog
) -> dg.RunRequest | dg.SkipReason:
    waiting = change_log.waiting(MOST_CHANGES)
    if waiting.seconds < PATIENCE_SECONDS and waiting.changes < MOST_CHANGES:
        return dg.SkipReason(
            f"{waiting.changes} changes wait, the oldest for {waiting.seconds:.0f} s."
        )
    if has_unfinished_run(context.instance, refresh.name):
        return dg.SkipReason("The last refresh has not ended yet.")
    return dg.RunRequest()
