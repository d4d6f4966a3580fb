"""dbt in this process, parsed once and then asked again and again."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from ingest.dbt_runs import PROJECT
from ingest.store.operations import libpq_variables


class Dbt:
    """The project over one database; its calls return the seconds that they took."""

    def __init__(self, url: str, folder: Path) -> None:
        os.environ.setdefault("DO_NOT_TRACK", "1")
        self._url = url
        self._options = [
            f"--project-dir={PROJECT}",
            f"--profiles-dir={PROJECT}",
            f"--target-path={folder / 'target'}",
            f"--log-path={folder / 'logs'}",
            "--log-level=none",
            "--log-level-file=none",
        ]
        self._manifest: Manifest | None = None
        self._manifest = self._invoke("parse")
        assert isinstance(self._manifest, Manifest)

    def rebuild(self) -> float:
        """Compute everything anew."""
        return self._run("run", "--full-refresh")

    def refresh(self, on_event: Callable[[Any], None] | None = None) -> float:
        """Take in what changed; the function is called with all that dbt has to say."""
        return self._run("run-operation", "refresh", on_event=on_event)

    def repair(self) -> float:
        """Make what is stored what a computation from raw gives."""
        return self._run("run-operation", "repair")

    def _run(self, *command: str, on_event: Callable[[Any], None] | None = None) -> float:
        started = time.perf_counter()
        self._invoke(*command, on_event=on_event)
        return time.perf_counter() - started

    def _invoke(self, *command: str, on_event: Callable[[Any], None] | None = None) -> Any:
        # The profile reads libpq's variables.
        os.environ.update(libpq_variables(self._url))
        runner = dbtRunner(manifest=self._manifest, callbacks=[on_event] if on_event else [])
        done = runner.invoke([*command, *self._options])
        if not done.success:
            raise RuntimeError(f"dbt {' '.join(command)} failed: {done.result}") from done.exception
        return done.result
