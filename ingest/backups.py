"""Backups: one file or folder with all of one moment, and a database made of it again."""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from msgspec import Struct

from ingest.console import Console
from ingest.postgres_tools import ToolFailed, find_program, newest_program, run_program
from ingest.settings import SettingsError
from ingest.store.bi_users import BiUser
from ingest.store.dumps import (
    alone_in_empty,
    analyse,
    forget_lost_bi_users,
    held_snapshot,
    make_missing_roles,
    server_version,
)
from ingest.store.migrate import migrate
from ingest.store.operations import require_migrated

NAMED = "upshot-%Y%m%dT%H%M%SZ.dump"
OWN_NAME = re.compile(r"upshot-\d{8}T\d{6}Z\.dump")
LEFT_OVER_SECONDS = 24 * 60 * 60
"""After which what an interrupted backup left is nobody's work."""
DUMPING = re.compile(r"^pg_dump: dumping contents of table \"(.+)\"")
RESTORING = re.compile(r"^pg_restore: (?:creating|processing data for table) (.+)")
CONTENT = re.compile(r"^\d+; \d+ \d+ ")
EVERYWHERE = re.compile(r"^\d+; \d+ \d+ (?:SCHEMA - public|COMMENT - SCHEMA public) ")
"""What every database has from the start."""
DUMPED_FROM = re.compile(r"Dumped from database version: (\d+)")
# Our own statements name roles in small letters, and stand inside functions.
ROLE = r'("(?:[^"]|"")+"|[^\s";]+)'
NAMED_ROLES = re.compile(
    rf"^(?:GRANT|REVOKE|ALTER DEFAULT PRIVILEGES) .*? (?:TO|FROM) {ROLE}(?: WITH .+)?;$",
    re.MULTILINE,
)
PSEUDO_ROLES = {"PUBLIC", "CURRENT_USER", "SESSION_USER", "CURRENT_ROLE"}


class Restored(Struct, frozen=True):
    roles: Sequence[str]
    """That were made, without a login, because the backup grants them something."""
    lost: Sequence[BiUser]
    """BI users whose logins this server does not have."""


def back_up(
    url: str,
    target: Path,
    console: Console,
    *,
    jobs: int | None = None,
    keep: int | None = None,
    with_dagster: bool = True,
) -> Path:
    """Write all of one moment to a file, while everybody goes on; return its path.

    It has another name until it is whole.

    Args:
        url: of the database.
        target: the file; or a folder that is there, in which it is named after the time.
        console: is told of the progress.
        jobs: write a folder instead of a file, by so many connections at once.
        keep: in a folder, delete all but so many of the backups that were named after the time.
        with_dagster: take along what Dagster knows of its runs.

    Raises:
        SettingsError: it could not be written; nothing is left of it.
    """
    folder = target if target.is_dir() else None
    path = target / datetime.now(UTC).strftime(NAMED) if folder else target
    if keep is not None and folder is None:
        raise SettingsError(f"{target} is no folder: --keep is about the backups in one.")
    if os.path.lexists(path):
        raise SettingsError(f"{path} is there already.")
    require_migrated(url)
    program = find_program("pg_dump", server_version(url))
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with _ending_on_sigterm(), _cleared_on_failure(unfinished):
            if jobs:
                unfinished.mkdir(mode=0o700)
            else:
                # pg_dump keeps the mode of a file that is there.
                unfinished.touch(mode=0o600)
            form = ["--format=directory", f"--jobs={jobs}"] if jobs else ["--format=custom"]
            with held_snapshot(url) as snapshot, console.steps("Backing up") as report:
                run_program(
                    [
                        program,
                        *form,
                        f"--file={unfinished}",
                        f"--snapshot={snapshot.name}",
                        # An extension is the server's, and so is what everybody may do.
                        *(f"--schema={_exactly(name)}" for name in snapshot.schemas),
                        # Its schema stays: the migration that makes it has been applied.
                        *([] if with_dagster else ["--exclude-table=dagster.*"]),
                        # A crash may lose them, too: how much of their quotas accounts have used.
                        "--no-unlogged-table-data",
                        "--verbose",
                    ],
                    url,
                    _counting(DUMPING, snapshot.tables, report),
                )
            unfinished.rename(path)
            _flush(path.parent)
    except ToolFailed as error:
        raise SettingsError(f"The backup failed: {error}.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from None
    if folder and keep is not None:
        _delete_old(folder, keep)
    return path


def restore(url: str, source: Path, console: Console, *, jobs: int | None = None) -> Restored:
    """Make what a backup has in an empty database, and what migrations have added since.

    Without jobs all of it is one transaction: it can be tried again.

    Args:
        url: of the database.
        source: the backup.
        console: is told of the progress.
        jobs: so many connections at once.

    Raises:
        SettingsError: the backup is broken, or the database not empty or not usable.
    """
    server = server_version(url)
    program = find_program("pg_restore", server)
    with _ending_on_sigterm(), alone_in_empty(url):
        contents = _check(program, source, server, console)
        roles = make_missing_roles(url, contents.roles)
        _restore(program, url, source, contents, console, jobs)
    migrate(url)
    lost = forget_lost_bi_users(url)
    with console.spinner("Analysing"):
        analyse(url)
    return Restored(roles=roles, lost=lost)


class _Contents(Struct, frozen=True):
    entries: Sequence[str]
    """What is to be made, as pg_restore lists it."""
    roles: Sequence[str]


def _check(program: Path, source: Path, server: int, console: Console) -> _Contents:
    """Read all of the backup before anything is made of it."""
    try:
        listed = run_program([newest_program("pg_restore"), "--list", source], None)
        dumped_from = DUMPED_FROM.search(listed)
        if dumped_from and int(dumped_from[1]) > server:
            raise SettingsError(
                f"The backup is of PostgreSQL {dumped_from[1]}, and this server is {server}: "
                "restore into the same or a later version."
            )
        statements = run_program([program, "--schema-only", "--file=-", source], None)
        with console.spinner("Reading the backup"):
            # The rows have checksums. A definition has none; if it is broken, it cannot be made.
            run_program([program, "--file=/dev/null", source], None)
    except ToolFailed as error:
        raise SettingsError(f"{source} is no whole backup: {error}.") from None
    if " raw sessions " not in listed:
        raise SettingsError(f"{source} is a backup of another database: it has no raw.sessions.")
    named = {_unquoted(name) for name in NAMED_ROLES.findall(statements)}
    return _Contents(
        entries=[
            line
            for line in listed.splitlines()
            if CONTENT.match(line) and not EVERYWHERE.match(line)
        ],
        roles=sorted(named - PSEUDO_ROLES),
    )


def _restore(
    program: Path, url: str, source: Path, contents: _Contents, console: Console, jobs: int | None
) -> None:
    try:
        with (
            NamedTemporaryFile("w", suffix=".list") as chosen,
            console.steps("Restoring") as report,
        ):
            chosen.write("\n".join([*contents.entries, ""]))
            chosen.flush()
            run_program(
                [
                    program,
                    # The one that libpq's variables name.
                    "--dbname=",
                    # The owner is whoever restores, until the migration says whose what is: the
                    # other server's logins are not here.
                    "--no-owner",
                    f"--use-list={chosen.name}",
                    "--exit-on-error",
                    *([f"--jobs={jobs}"] if jobs else ["--single-transaction"]),
                    "--verbose",
                    source,
                ],
                url,
                _counting(RESTORING, len(contents.entries), report),
            )
    except ToolFailed as error:
        after = "create the database anew before you try again" if jobs else "nothing was kept"
        raise SettingsError(f"The backup could not be restored ({error}); {after}.") from None


def _counting(
    pattern: re.Pattern[str], total: int, report: Callable[[str, int, int], None]
) -> Callable[[str], None]:
    done = 0

    def told(line: str) -> None:
        nonlocal done
        match = pattern.match(line)
        if match:
            done = min(done + 1, total)
            report(match[1].replace('"', ""), done, total)

    return told


def _exactly(name: str) -> str:
    """Return a schema's name as pg_dump's patterns have it: as it is, none of it a wildcard."""
    return '"' + name.replace('"', '""') + '"'


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _delete_old(folder: Path, keep: int) -> None:
    ours = sorted(path for path in folder.iterdir() if OWN_NAME.fullmatch(path.name))
    for path in ours[:-keep]:
        _remove(path)
    for path in folder.glob(".upshot-*.part"):
        if time.time() - path.stat().st_mtime > LEFT_OVER_SECONDS:
            _remove(path)


@contextmanager
def _cleared_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    """Have the new name outlive the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Take the signal as Ctrl-C is taken: what is unfinished is cleared away."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
