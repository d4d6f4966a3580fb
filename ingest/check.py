"""Comparing the marts with a computation from all of raw, and mending them."""

import json
from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from ingest.dbt_runs import DbtFailed, Progress, run_dbt
from ingest.settings import Settings
from ingest.store.operations import rows_of

MOST_SHOWN = 20
EVERY_ACCOUNT = 1_000_000_000


class Difference(Struct, frozen=True):
    """What a live model should show and does not, or the other way round."""

    model: str
    rows: int
    """How many rows differ."""
    shown: Sequence[dict[str, object]]
    """Some of them: `layer` (live or stored), `problem` (missing or not expected), the columns."""


def check(
    settings: Settings, url: str, account_id: UUID | None, progress: Progress | None = None
) -> list[Difference]:
    """Compare every live model: as it is read, and as it is stored; return what differs.

    Args:
        settings: where dbt keeps its files.
        url: the database.
        account_id: the only account to look at, if not all.
        progress: is told of every comparison.

    Raises:
        DbtFailed: dbt could not compare.
    """
    chosen: dict[str, object] = (
        {"accounts_to_check": EVERY_ACCOUNT}
        if account_id is None
        else {"account_to_check": str(account_id)}
    )
    command = ["test", "--select", "test_name:exact", "--vars", json.dumps(chosen)]
    try:
        run_dbt(settings, url, command, progress)
    except DbtFailed as error:
        if not error.failed or any(each.is_error for each in error.failed):
            raise
        return [
            Difference(
                model=each.model,
                rows=each.rows,
                shown=rows_of(url, each.sql, MOST_SHOWN),
            )
            for each in error.failed
        ]
    return []


def repair(settings: Settings, url: str, account_id: UUID | None) -> None:
    """Make what is stored of an account, or of all, what a computation from raw gives.

    Raises:
        DbtFailed: nothing was changed.
    """
    arguments = {} if account_id is None else {"account_id": str(account_id)}
    run_dbt(settings, url, ["run-operation", "repair", "--args", json.dumps(arguments)])
