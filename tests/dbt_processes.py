"""dbt's own command, as somebody types it."""

import os
import subprocess
from pathlib import Path

from conftest import BIN, REPOSITORY

from ingest.store.operations import libpq_variables


def start_dbt(*arguments: str, url: str, target: Path) -> subprocess.Popen[str]:
    """Start it on a database; one stream has all that it says."""
    ours = ("UPSHOT_", "PG", "DBT_", "DAGSTER_")
    inherited = {name: each for name, each in os.environ.items() if not name.startswith(ours)}
    return subprocess.Popen(
        [BIN / "dbt", *arguments, "--target-path", target, "--log-path", target],
        cwd=REPOSITORY,
        env=inherited | libpq_variables(url) | {"DBT_USE_COLORS": "0", "DO_NOT_TRACK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_dbt_to_the_end(*arguments: str, url: str, target: Path) -> str:
    """Run it, see that it succeeds, and return what it said."""
    process = start_dbt(*arguments, url=url, target=target)
    try:
        said, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, said
    return said
