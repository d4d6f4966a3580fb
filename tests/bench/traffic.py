"""Writers and a refresher at work, each a program of its own: what they cost is not the reader's.

They work until their standard input is closed, so that they never outlive who started them, and
then say in a line of JSON what they did.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import psycopg
from dbt_runs import Dbt
from history import Session, change, pick

from ingest.store.statements import SQL

WRITERS = 4
CHANGES_PER_SECOND = 100
"""Of all writers together. Ten million sessions a year, changed thrice each, are one a second."""
EACH_PER_SECOND = CHANGES_PER_SECOND / WRITERS
PAUSE_SECONDS = 1.0
"""From the end of a refresh to the next."""
LONGEST_STOP = 120


@dataclass
class Done:
    """What was done while it lasted."""

    changes_per_second: float = 0
    refreshes: list[float] = field(default_factory=list)


@contextmanager
def traffic(url: str, folder: Path) -> Iterator[Done]:
    """Let them work for as long as the block lasts; what they did is known after it."""
    done = Done()
    with ExitStack() as stack:
        programs = [
            stack.enter_context(_started("writers", url)),
            stack.enter_context(_started("refresher", url, str(folder))),
        ]
        for program in programs:
            assert _stream(program.stdout).readline() == "ready\n", program.args
        for program in programs:
            _stream(program.stdin).write("go\n")
            _stream(program.stdin).flush()
        yield done
        done.changes_per_second, done.refreshes = (_result(program) for program in programs)


@contextmanager
def _started(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, __file__, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        # Ctrl-C is for who started it, and reaches it as the end of its input.
        start_new_session=True,
    ) as program:  # fmt: skip
        try:
            yield program
        finally:
            program.kill()


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _result(program: "subprocess.Popen[str]") -> Any:
    said, _ = program.communicate(timeout=LONGEST_STOP)
    assert program.returncode == 0, program.args
    return json.loads(said.splitlines()[-1])


def _ready() -> threading.Event:
    """Wait until they are all to begin; return what tells when to stop."""
    _say("ready")
    sys.stdin.readline()
    stopped = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        stopped.set()

    threading.Thread(target=listen, daemon=True).start()
    return stopped


def write(url: str) -> None:
    """Change sessions of the last days over several connections, at a steady rate."""
    with psycopg.connect(url, autocommit=True) as connection:
        sessions = pick(connection, 20_000, days=2, seed=2)
    stopped = _ready()
    started = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as pool:
        shares = [sessions[writer::WRITERS] for writer in range(WRITERS)]
        changes = sum(pool.map(partial(_write, url, stopped), shares))
    _say(json.dumps(changes / (time.monotonic() - started)))


def _write(url: str, stopped: threading.Event, sessions: Sequence[Session]) -> int:
    changes = 0
    started = time.monotonic()
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stopped.wait(
                max(0.0, started + changes / EACH_PER_SECOND - time.monotonic())
            ):
                session = sessions[changes % len(sessions)]
                with connection.transaction():
                    connection.execute(SQL["lock_account_shared"], {"account_id": session[0]})
                    change(connection, [session])
                changes += 1
    finally:
        # Of four writers that are to work, three are not enough: the error is the result.
        stopped.set()
    return changes


def refresh(url: str, folder: Path) -> None:
    """Refresh again and again."""
    dbt = Dbt(url, folder)
    stopped = _ready()
    seconds = []
    while not stopped.wait(PAUSE_SECONDS):
        seconds.append(dbt.refresh())
    _say(json.dumps(seconds))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "writers":
        write(sys.argv[2])
    else:
        refresh(sys.argv[2], Path(sys.argv[3]))
