"""A variant of the API as a process of its own, for as long as it is measured."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

HERE = Path(__file__).parent
NO_QUOTA: dict[str, object] = {"quota_events": 10**9}


@contextmanager
def serve(
    variant: str, *, url: str, home: str, **settings: object
) -> Iterator[tuple[int, psutil.Process]]:
    """Serve a variant on a port, without a quota unless the settings have one."""
    own = NO_QUOTA | settings | {"home": home, "database_url": url}
    log = Path(home) / "api.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # It has a line for each answer with personal data.
    with log.open("ab") as lines:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "uvicorn", "--factory", f"variants:{variant}",
                "--app-dir", HERE, "--port", str(port), "--no-access-log",
                "--log-level", "warning",
            ],
            env=os.environ | {f"UPSHOT_{name.upper()}": str(each) for name, each in own.items()},
            stderr=lines,
        )  # fmt: skip
    try:
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health/ready").raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def seconds_of(process: psutil.Process) -> float:
    """CPU time that a process has spent."""
    times = process.cpu_times()
    return times.user + times.system
