"""PostgreSQL's own programs, of a version that fits a server."""

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ingest.embedded import packaged_programs
from ingest.settings import SettingsError
from ingest.store.operations import libpq_variables

ERROR = re.compile(r"^pg_\w+: (?:error|fatal): (.+)$")
LINES_KEPT = 200


class ToolFailed(Exception):
    """A program of PostgreSQL's did not do its work; the message is what it said of the reason."""


def find_program(name: str, server: int) -> Path:
    """Return pg_dump or pg_restore in the lowest version that knows the server's.

    One that is much newer says things that an older server does not understand.

    Args:
        name: of the program.
        server: its major version.

    Raises:
        SettingsError: there is none.
    """
    found = _programs(name)
    fitting = [major for major in found if major >= server]
    if not fitting:
        raise SettingsError(
            f"The server is PostgreSQL {server} and takes a {name} of {server} or later, but the "
            f"newest here is of {max(found)}: install PostgreSQL {server}'s client programs, so "
            f"that {name} is on the PATH."
        )
    return found[min(fitting)]


def newest_program(name: str) -> Path:
    """Return it in the highest version that is here: it reads what any other has written."""
    found = _programs(name)
    return found[max(found)]


def _programs(name: str) -> dict[int, Path]:
    """Return where it is, by its version; the package's own needs nothing of the machine's."""
    elsewhere = shutil.which(name)
    theirs = {_version(Path(elsewhere)): Path(elsewhere)} if elsewhere else {}
    return theirs | {major: folder / name for major, folder in packaged_programs().items()}


def _version(program: Path) -> int:
    said = subprocess.run(  # noqa: S603 - PostgreSQL's own
        [program, "--version"], capture_output=True, text=True, check=False
    ).stdout
    match = re.search(r"\) (\d+)", said)
    return int(match[1]) if match else 0


def run_program(
    command: Sequence[str | Path], url: str | None, told: Callable[[str], None] | None = None
) -> str:
    """Run a program to its end, and return what it printed.

    Args:
        command: the program and its arguments.
        url: of the database, if it is to know one; no password gets onto its command line.
        told: is called with every line that it says about its progress.

    Raises:
        ToolFailed: it failed; the message is its own first word on why.
    """
    environment = os.environ | {"LC_ALL": "C"} | (libpq_variables(url) if url else {})
    said: deque[str] = deque(maxlen=LINES_KEPT)
    first_error = ""
    with subprocess.Popen(  # noqa: S603 - PostgreSQL's own
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        # Whoever is told of the progress reads one pipe; another one could fill up meanwhile.
        stdout=subprocess.PIPE if told is None else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        try:
            lines: Iterable[str]
            if told is None:
                printed, errors = process.communicate()
                lines = errors.splitlines()
            else:
                assert process.stderr is not None  # noqa: S101 - a pipe was asked for
                printed, lines = "", process.stderr
            for line in lines:
                text = line.rstrip("\n")
                said.append(text)
                match = ERROR.match(text)
                first_error = first_error or (match[1] if match else "")
                if told is not None:
                    told(text)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        last = said[-1] if said else f"it ended with {process.returncode}"
        raise ToolFailed((first_error or last).strip().rstrip("."))
    return printed
