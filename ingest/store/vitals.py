"""How the database as a whole is doing: numbers over all accounts, and nothing of any of them."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psycopg
from msgspec import Struct
from psycopg.errors import InvalidSchemaName, UndefinedTable
from psycopg.rows import class_row

from ingest.store.operations import connected
from ingest.store.statements import SQL

EXACTNESS = "exact"
"""How the checks begin that compare with a computation from raw."""


class Check(Struct, frozen=True, kw_only=True):
    """A test of the data, as it last ended."""

    name: str
    model: str
    is_failing: bool
    failing_since: datetime | None
    seconds_ago: float


class Vitals(Struct, frozen=True, kw_only=True):
    changes: int
    """Rows of the change log."""
    oldest_change_seconds: float
    refreshed_seconds: float | None
    """None before the first refresh."""
    checks: Sequence[Check]
    clock_ahead_seconds: float
    """How far the clock of this machine is ahead of the database's; negative if it is behind."""

    @property
    def exactness_seconds(self) -> float | None:
        """How long ago some accounts were last compared with a computation from raw."""
        return min(
            (each.seconds_ago for each in self.checks if each.name.startswith(EXACTNESS)),
            default=None,
        )


class Volume(Struct, frozen=True, kw_only=True):
    path: str
    free: int
    size: int


def vitals(url: str) -> Vitals:
    """Ask for all of it, on a connection of its own: the pools may be what is wrong.

    The log is read as those who write it, the rest as the API reads: nobody gets a right for this.

    Raises:
        SettingsError: the database cannot be reached, or not be used.
    """
    with connected(url, "upshot_writer") as connection:
        _look_as(connection, "upshot_writer")
        row = connection.execute(SQL["read_log_depth"]).fetchone()
        changes, oldest = row or (0, 0.0)
        _look_as(connection, "upshot_reader")
        return Vitals(
            changes=changes,
            oldest_change_seconds=oldest,
            refreshed_seconds=_last_refresh(connection),
            checks=_checks(connection),
            clock_ahead_seconds=_clock_ahead(connection),
        )


def _look_as(connection: psycopg.Connection[Any], role: str) -> None:
    connection.execute("reset role")
    connection.execute(SQL["look_around"], {"role": role})


def _last_refresh(connection: psycopg.Connection[Any]) -> float | None:
    with suppress(UndefinedTable, InvalidSchemaName):  # the marts were never built
        row = connection.execute(SQL["read_last_refresh"]).fetchone()
        return row[0] if row else None
    return None


def _checks(connection: psycopg.Connection[Any]) -> Sequence[Check]:
    with suppress(UndefinedTable, InvalidSchemaName):
        cursor = connection.cursor(row_factory=class_row(Check))
        return cursor.execute(SQL["read_checks"]).fetchall()
    return ()


def _clock_ahead(connection: psycopg.Connection[Any]) -> float:
    asked = datetime.now(UTC)
    row = connection.execute(SQL["read_clock"]).fetchone()
    answered = datetime.now(UTC)
    theirs: datetime = row[0] if row else asked
    # It looked somewhere in between.
    return (asked + (answered - asked) / 2 - theirs).total_seconds()


class Server(Struct, frozen=True, kw_only=True):
    version: str
    is_migrated: bool
    models: Sequence[str]
    """The live models that dbt has built."""


def server(url: str) -> Server:
    """Ask what the database is, whether it is migrated or not.

    Raises:
        SettingsError: it cannot be reached.
    """
    with connected(url, "none") as connection:
        row = connection.execute(SQL["read_server"]).fetchone()
    version, is_migrated = row or ("", False)
    return Server(version=version, is_migrated=is_migrated, models=_models(url, is_migrated))


def _models(url: str, is_migrated: bool) -> Sequence[str]:
    if not is_migrated:
        return ()
    with connected(url) as connection, suppress(UndefinedTable, InvalidSchemaName):
        return [name for (name,) in connection.execute(SQL["list_live_models"])]
    return ()
