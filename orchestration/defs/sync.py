"""What is copied from an application's own database, where there is one: `upshot sync`."""

import os
import subprocess
import sysconfig
from pathlib import Path

import dagster as dg

from orchestration.dbt_project import ROOT
from orchestration.defs.unfinished import has_unfinished_run

# Beside this Python, as nobody has to activate its environment.
UPSHOT_EXECUTABLE = Path(sysconfig.get_path("scripts"), "upshot")


def _is_configured() -> bool:
    return any(map(os.environ.get, ("UPSHOT_SYNC_URL", "UPSHOT_SYNC_URL_FILE")))


@dg.asset(
    group_name="application",
    kinds={"dlt", "postgres"},
    description=(
        "What changed in the application's own database, copied as events: `upshot sync`. Where"
        " that is, UPSHOT_SYNC_URL says."
    ),
)
def application_events(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    done = subprocess.run(  # noqa: S603 -- no shell, and no word of anybody else's
        [UPSHOT_EXECUTABLE, "sync"], check=False, capture_output=True, text=True, cwd=ROOT
    )
    if done.returncode != 0 and not done.stdout:
        raise dg.Failure(description=done.stderr.strip())
    # Rows stay out of the run's log: they hold what people wrote.
    context.log.info(done.stdout.strip())
    counts = {
        name.strip(): dg.MetadataValue.text(counted.strip())
        for name, _, counted in (line.partition(":") for line in done.stdout.splitlines())
    }
    if done.returncode != 0:
        raise dg.Failure(
            description="Some rows were rejected; `upshot sync --again` says which.",
            metadata=counts,
            allow_retries=False,
        )
    return dg.MaterializeResult(metadata=counts)


sync = dg.define_asset_job(
    "sync",
    description="Copy what changed in the application's own database: `upshot sync`.",
    selection=[application_events],
)


@dg.schedule(
    job=sync,
    description=(
        "Copy every five minutes, where UPSHOT_SYNC_URL is set, unless the last sync still runs."
    ),
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    default_status=(
        dg.DefaultScheduleStatus.RUNNING if _is_configured() else dg.DefaultScheduleStatus.STOPPED
    ),
)
def sync_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    if not _is_configured():
        return dg.SkipReason("UPSHOT_SYNC_URL is not set.")
    if has_unfinished_run(context.instance, sync.name):
        return dg.SkipReason("The last sync has not ended yet.")
    return dg.RunRequest()
