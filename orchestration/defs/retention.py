"""What forgets: `upshot retain`, once a day."""

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import dagster as dg

# Beside this Python, as nobody has to activate its environment.
UPSHOT_EXECUTABLE = Path(sysconfig.get_path("scripts"), "upshot")


def run_retain() -> list[dict[str, Any]]:
    """Delete what is not kept any longer; return how much it was of each account.

    Raises:
        dg.Failure: the command failed; the next one goes on where it was.
    """
    done = subprocess.run(  # noqa: S603 -- no shell, and no word of anybody else's
        [UPSHOT_EXECUTABLE, "retain", "--json"], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise dg.Failure(f"upshot retain failed: {done.stderr.strip()}")
    deleted: list[dict[str, Any]] = json.loads(done.stdout)
    return deleted


@dg.op
def retain(context: dg.OpExecutionContext) -> None:
    """Delete what accounts do not keep any longer."""
    deleted = run_retain()
    context.add_output_metadata(
        {
            "accounts": len(deleted),
            "sessions": sum(each["sessions"] for each in deleted),
            "comments": sum(each["comments"] for each in deleted),
            "by account": dg.TableMetadataValue(
                # Ids and numbers: the names of accounts are not of interest here.
                records=[
                    dg.TableRecord(
                        {name: each[name] for name in ("account_id", "sessions", "comments")}
                    )
                    for each in deleted
                ],
                schema=dg.TableSchema(
                    columns=[
                        dg.TableColumn("account_id", "string"),
                        dg.TableColumn("sessions", "int"),
                        dg.TableColumn("comments", "int"),
                    ]
                ),
            ),
        }
    )


@dg.job(description="Delete what accounts do not keep any longer: `upshot retain`.")
def retention() -> None:
    retain()


retention_schedule = dg.ScheduleDefinition(
    name="retention_schedule",
    description="Delete what is not kept any longer, once a day.",
    job=retention,
    cron_schedule="23 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
