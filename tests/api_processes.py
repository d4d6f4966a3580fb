"""The API as it is deployed: processes of their own behind one port."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
from conftest import BIN, REPOSITORY, Api, with_changes

from ingest.settings import Settings

START_SECONDS = 60


class ApiProcess:
    """An API at a port; it can be stopped, killed and started again there."""

    def __init__(self, port: int, log: Path, environment: dict[str, str], workers: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self._environment = environment
        self._workers = workers
        self.start()

    def api(self, settings: Settings) -> Api:
        """It, as an account of its own meets it."""
        secret = (self.log.parent / "jwt_secret").read_text()
        return Api(self.url, with_changes(settings, jwt_secret=secret))

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    BIN / "uvicorn", "--factory", "ingest.app:create_app", "--no-access-log",
                    "--port", str(self.port), "--workers", str(self._workers),
                ],
                cwd=REPOSITORY, env=self._environment, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def await_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=5).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def workers(self) -> list[int]:
        """The processes that take requests, where there are several."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            # Another child is the interpreter's own, and tracks resources.
            with suppress(psutil.NoSuchProcess):
                if "spawn_main" in " ".join(child.cmdline()):
                    found.append(child.pid)
        return found

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it and its workers on the spot."""
        family = [*psutil.Process(self.process.pid).children(recursive=True)]
        self.process.kill()
        for worker in family:
            if worker.is_running():
                worker.kill()
        self.process.wait()
        psutil.wait_procs(family, 10)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.kill()
                raise


@contextmanager
def api_process(
    database_url: str, folder: Path, *, workers: int = 1, **settings: object
) -> Iterator[ApiProcess]:
    """Serve an API on a database until the block ends.

    Args:
        database_url: of a migrated database.
        folder: for its log and its secret.
        workers: how many processes.
        settings: by their name in the environment, in lower case, without the prefix.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("UPSHOT_")
    }
    own = settings | {"home": folder, "database_url": database_url}
    environment |= {f"UPSHOT_{name.upper()}": str(value) for name, value in own.items()}
    api = ApiProcess(free_port(), folder / "api.log", environment, workers)
    try:
        api.await_ready()
        yield api
    finally:
        api.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
