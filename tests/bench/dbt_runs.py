"""dbt in this process, parsed once and then asked again and again."""

import os
import time
from pathlib import Path

from dbt.cli.main import dbtRunner

from ingest.store.operations import libpq_variables

PROJECT = Path(__file__).parents[2]


class Dbt:
    """The project over one database; its calls return the seconds that they took."""

    def __init__(self, url: str, folder: Path) -> None:
        os.environ.setdefault("DO_NOT_TRACK", "1")
        # The profile reads libpq's variables.
        os.environ.update(libpq_variables(url))
        self._options = [
            f"--project-dir={PROJECT}",
            f"--profiles-dir={PROJECT}",
            f"--target-path={folder / 'target'}",
            f"--log-path={folder / 'logs'}",
            "--log-level=none",
            "--log-level-file=none",
        ]
        parsed = dbtRunner().invoke(["parse", *self._options])
        assert parsed.success, parsed.exception
        self._runner = dbtRunner(manifest=parsed.result)  # type: ignore[arg-type]  # parse's is one

    def rebuild(self) -> float:
        """Compute everything anew."""
        return self._run("run", "--full-refresh")

    def refresh(self) -> float:
        """Take in what changed."""
        return self._run("run-operation", "refresh")

    def _run(self, *arguments: str) -> float:
        started = time.perf_counter()
        done = self._runner.invoke([*arguments, *self._options])
        seconds = time.perf_counter() - started
        if not done.success:
            raise RuntimeError(f"dbt {' '.join(arguments)} failed") from done.exception
        return seconds
