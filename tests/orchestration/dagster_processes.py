"""Dagster's own programs, with the instance that `upshot up` sets up."""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest
from conftest import REPOSITORY

PATIENCE = 120

T = TypeVar("T")


def dagster_environment(
    database_url: str, libpq_environment: Mapping[str, str], folder: Path
) -> dict[str, str]:
    """Return what they are told of the database, and of a home in the folder."""
    home = folder / "dagster_home"
    home.mkdir()
    shutil.copy(REPOSITORY / "orchestration" / "dagster.yaml", home)
    parts = urlsplit(database_url)
    options = "options=-csearch_path%3Ddagster"
    storage = parts._replace(
        scheme="postgresql+psycopg2", query="&".join(filter(None, [parts.query, options]))
    )
    return {
        **os.environ,
        **libpq_environment,
        "DAGSTER_HOME": str(home),
        "UPSHOT_DAGSTER_DATABASE_URL": urlunsplit(storage),
        "VIRTUAL_ENV": sys.prefix,
        "TMPDIR": str(folder),
    }


def start_dg(
    *arguments: str, environment: Mapping[str, str], output: int | IO[bytes] = subprocess.PIPE
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [Path(sysconfig.get_path("scripts"), "dg"), *arguments],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_family(process: subprocess.Popen[str]) -> None:
    """End it and all that it started on the spot, as when the machine goes down."""
    if process.poll() is None:
        parent = psutil.Process(process.pid)
        # Stopped first: it starts no others while they are counted.
        parent.suspend()
        family = [*parent.children(recursive=True), parent]
        for each in family:
            each.kill()
        psutil.wait_procs(family, 30)
    process.wait()


def eventually(
    condition: Callable[[], T],
    run: subprocess.Popen[str] | None = None,
    seconds: float = PATIENCE,
) -> T:
    until = time.monotonic() + seconds
    while not (found := condition()):
        if run and run.poll() is not None:
            pytest.fail(f"it has ended: {run.communicate()[0]}")
        assert time.monotonic() < until
        time.sleep(0.05)
    return found
