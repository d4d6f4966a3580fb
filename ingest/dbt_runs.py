"""Running dbt, in this process."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from ingest.settings import Settings
from ingest.store.operations import libpq_variables

PROJECT = Path(__file__).parent.parent
"""Where dbt_project.yml is."""

Progress = Callable[[str, int, int], None]
"""Called with the name of what was done, how many are done, and of how many."""


class Failure(Struct, frozen=True):
    """A model that was not built or a test that did not pass."""

    name: str
    model: str
    """The model, or the one that is tested; empty for a test of several."""
    is_error: bool
    """Whether it could not run, or else ran and found rows."""
    rows: int
    sql: str
    message: str


class DbtFailed(Exception):
    """dbt did not do all of it; the message names what.

    Attributes:
        failed: what was not built or did not pass; empty when dbt stopped before.
    """

    def __init__(self, message: str, failed: Sequence[Failure] = ()) -> None:
        super().__init__(message)
        self.failed = failed


def run_dbt(
    settings: Settings, url: str, command: list[str], progress: Progress | None = None
) -> None:
    """Run a dbt command on the database of the URL, as dbt's own command would.

    Raises:
        DbtFailed: it did not do all of it.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    # The profile reads libpq's variables.
    os.environ.update(libpq_variables(url))
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - takes a second, and few commands need it

    errors: list[str] = []
    unpublished: list[str] = []
    callbacks = [_noting(errors), _noting_unpublished(unpublished)]
    if progress is not None:
        callbacks.append(_counted(progress))
    result = dbtRunner(callbacks=callbacks).invoke(
        [
            *command,
            f"--project-dir={PROJECT}",
            f"--profiles-dir={PROJECT}",
            f"--target-path={settings.home / 'dbt' / 'target'}",
            f"--log-path={settings.home / 'dbt' / 'logs'}",
            "--no-use-colors",
            "--log-level=none",
        ]
    )
    if result.success:
        return
    if isinstance(result.exception, Exception):
        raise DbtFailed(f"dbt stopped: {_one_line(result.exception)}")
    if result.exception is not None:
        raise result.exception
    failed = [
        _failure(each)
        for each in getattr(result.result, "results", ())
        # A macro that was run by itself is no node; what it said was noted.
        if each.status in {"error", "fail"}
        and hasattr(each, "node")
        # What the end of a run says is a consequence.
        and not (each.node.resource_type == "operation" and unpublished)
    ]
    names = ", ".join(each.name for each in failed) or " ".join(command[:2])
    reasons = [each.message for each in failed] or errors
    why = f": {reasons[0]}" if reasons else ""
    raise DbtFailed(" ".join([f"dbt failed at {names}{why}", *unpublished]), failed)


def _noting(errors: list[str]) -> Callable[[Any], None]:
    """Return a dbt callback that keeps what is said of errors."""

    def on_event(event: Any) -> None:
        if event.info.level == "error":
            errors.append(_one_line(event.info.msg))

    return on_event


def _noting_unpublished(sentences: list[str]) -> Callable[[Any], None]:
    """Return a dbt callback that keeps what macros/live/publishing.sql says of what it withheld."""

    def on_event(event: Any) -> None:
        if event.info.name == "JinjaLogInfo" and event.info.msg.startswith("Not published"):
            sentences.append(event.info.msg)

    return on_event


def _failure(result: Any) -> Failure:
    node = result.node
    return Failure(
        name=node.name,
        model=(getattr(node, "attached_node", None) or "").rpartition(".")[2],
        is_error=result.status == "error",
        rows=result.failures or 0,
        sql=getattr(node, "compiled_code", None) or "",
        message=_one_line(result.message),
    )


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _counted(progress: Progress) -> Callable[[Any], None]:
    """Return a dbt callback that counts the nodes it finished."""
    done = 0

    def on_event(event: Any) -> None:
        nonlocal done
        if event.info.name in {"LogModelResult", "LogTestResult", "LogSeedResult"}:
            done += 1
            # Models and tests name their total differently.
            total = getattr(event.data, "total", 0) or getattr(event.data, "num_models", 0)
            progress(event.data.node_info.node_name, done, total)

    return on_event
