"""What keeps the change log and the history of the runs short."""

import time
from datetime import timedelta
from functools import partial

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._time import get_current_datetime

from orchestration.defs.resources import ChangeLog
from orchestration.settings import read_settings

ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
BATCH = 100
MOST_SECONDS = 1200
"""For how long runs are deleted. What is left goes the next night."""


@dg.op(description="Clear away what a refresh took out of raw.changes: every read passes it.")
def vacuum_log(context: dg.OpExecutionContext, change_log: ChangeLog) -> None:
    before = change_log.dead_rows()
    change_log.vacuum()
    context.add_output_metadata({"dead_rows_before": before})


@dg.job(
    description=(
        "Vacuum the change log, so that rows that were taken out of it do not slow readers down."
        " A refresh does so at its end; this is for those that some reader held then."
    ),
)
def vacuum() -> None:
    vacuum_log()


class History(dg.Config):
    """How much of it is kept."""

    keep_days: int


@dg.op(description="Delete runs that ended long ago, the oldest first, with all that they left.")
def delete_old_runs(context: dg.OpExecutionContext, config: History) -> None:
    before = get_current_datetime() - timedelta(days=config.keep_days)
    find = partial(
        context.instance.get_run_records,
        dg.RunsFilter(statuses=ENDED, created_before=before),
        ascending=True,
    )
    deadline = time.monotonic() + MOST_SECONDS
    deleted = 0
    while time.monotonic() < deadline and (records := find(limit=BATCH)):
        for record in records:
            delete(context.instance, record.dagster_run.run_id)
        deleted += len(records)
    context.add_output_metadata(
        {
            "deleted_runs": deleted,
            "created_before": before.isoformat(),
            "all_deleted": not find(limit=1),
        }
    )


@dg.job(
    description=(
        "Delete the runs of more than `UPSHOT_KEEP_RUNS_DAYS` ago, with their events, the results"
        " of their checks and what they printed."
    ),
    config=dg.RunConfig(ops={"delete_old_runs": History(keep_days=read_settings().keep_runs_days)}),
)
def prune_runs() -> None:
    delete_old_runs()


def delete(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run with what Dagster itself leaves: results of checks, and files."""
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        with storage.index_connection() as connection:
            connection.execute(
                AssetCheckExecutionsTable.delete().where(
                    AssetCheckExecutionsTable.c.run_id == run_id
                )
            )
    instance.delete_run(run_id)
