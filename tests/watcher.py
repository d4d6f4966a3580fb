"""`upshot refresh --watch` beside a test, as often as it can."""

import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import BIN


@contextmanager
def watching(url: str, home: Path, hear: Callable[[str], None]) -> Iterator[None]:
    """Run it until the block ends, and let what it says be heard line by line."""
    environment = os.environ | {
        "UPSHOT_HOME": str(home),
        "UPSHOT_DATABASE_URL": url,
        "UPSHOT_REFRESH_SECONDS": "1",
        "COLUMNS": "1000",
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        [BIN / "upshot", "refresh", "--watch"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    last = deque[str](maxlen=20)
    killed = threading.Event()

    def listen() -> None:
        for line in process.stderr or ():
            # What is left behind by a kill of ours is said after it, by Python's own helper.
            if not killed.is_set():
                last.append(line)
                hear(line)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield
        assert process.poll() is None, "".join(last)
    finally:
        killed.set()
        process.kill()
        process.wait()
        listener.join()
