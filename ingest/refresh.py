"""Computing the marts: dbt, in this process, one refresh at a time."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ingest.settings import Settings, SettingsError
from ingest.store.operations import libpq_variables, refresh_is_due, refresh_turn

PROJECT = Path(__file__).parent.parent
"""Where dbt_project.yml is."""

if TYPE_CHECKING:
    from dbt.artifacts.schemas.run import RunExecutionResult

LONGEST_PAUSE = 300

Progress = Callable[[str, int, int], None]
"""Called with the name of what was done, how many are done, and of how many."""


class RefreshFailed(Exception):
    """dbt did not build all marts, or one of its tests failed; the message names which."""


def refresh(settings: Settings, url: str, progress: Progress | None = None) -> None:
    """Build all marts and test them: `dbt build` without the unit tests, which test code.

    Raises:
        RefreshFailed: something was not built or did not pass; the change log is kept.

    """
    with refresh_turn(url):
        _dbt(settings, url, progress)


def watch(settings: Settings, url: str, report: Callable[[str], None]) -> None:
    """Refresh whenever there is something to do, until the process is stopped."""
    pause = settings.refresh_seconds
    while True:
        try:
            if refresh_is_due(url):
                started = time.monotonic()
                refresh(settings, url)
                report(f"refreshed in {time.monotonic() - started:.1f} s")
            pause = settings.refresh_seconds
        except (RefreshFailed, SettingsError) as error:
            # The database may come back, and what fails will fail again for a while.
            report(str(error))
            pause = min(2 * pause, LONGEST_PAUSE)
        time.sleep(pause)


def _dbt(settings: Settings, url: str, progress: Progress | None) -> None:
    os.environ.setdefault("DO_NOT_TRACK", "1")
    # The profile reads libpq's variables.
    os.environ.update(libpq_variables(url))
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - takes a second, and few commands need it

    counted = _counted(progress) if progress else None
    result = dbtRunner(callbacks=[counted] if counted else []).invoke(
        [
            "build",
            "--exclude-resource-type=unit_test",
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
        raise RefreshFailed(f"dbt stopped: {_one_line(result.exception)}")
    if result.exception is not None:
        raise result.exception
    results = cast("RunExecutionResult", result.result).results
    failed = [each for each in results if each.status in {"error", "fail"}]
    names = ", ".join(each.node.name for each in failed)
    why = f": {_one_line(failed[0].message)}" if failed else ""
    raise RefreshFailed(f"The refresh failed at {names}{why}")


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
