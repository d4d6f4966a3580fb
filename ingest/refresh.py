"""Bringing the marts up to date. They are exact without it: it keeps reading them cheap."""

import time
from collections.abc import Callable

from ingest.dbt_runs import DbtFailed, Progress, run_dbt
from ingest.settings import Settings, SettingsError
from ingest.store.operations import refresh_is_due, require_migrated, vacuum_changes

LONGEST_PAUSE = 300


def build(settings: Settings, url: str, progress: Progress | None = None) -> None:
    """Bring all marts up to date and test them: `dbt build` without the unit tests.

    Those test code. What changed in the models' SQL is taken over on the way.

    Raises:
        DbtFailed: something was not built or did not pass.
        SettingsError: the database is not migrated.

    """
    require_migrated(url)
    run_dbt(settings, url, ["build", "--exclude-resource-type=unit_test"], progress)


def refresh(settings: Settings, url: str) -> None:
    """Take what was written into the marts as they are: `dbt run-operation refresh`.

    Raises:
        DbtFailed: nothing was taken.

    """
    # The manifest stays as it was; writing it would take as long as the refresh.
    run_dbt(settings, url, ["run-operation", "refresh", "--no-write-json"])


def watch(settings: Settings, url: str, report: Callable[[str], None]) -> None:
    """Refresh whenever something was written, until the process is stopped."""
    pause = settings.refresh_seconds
    while True:
        try:
            if refresh_is_due(url):
                started = time.monotonic()
                refresh(settings, url)
                report(f"refreshed in {time.monotonic() - started:.1f} s")
                vacuum_changes(url)
            pause = settings.refresh_seconds
        except (DbtFailed, SettingsError) as error:
            # The database may come back, and what fails will fail again for a while.
            report(str(error))
            pause = min(2 * pause, LONGEST_PAUSE)
        time.sleep(pause)
