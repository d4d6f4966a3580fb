"""What a backup and a restoration ask of the database beside pg_dump and pg_restore."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import IsolationLevel, sql
from psycopg.errors import DuplicateObject, InsufficientPrivilege, UndefinedTable
from psycopg.rows import class_row

from ingest.settings import SettingsError
from ingest.store.bi_users import BiUser
from ingest.store.migrate import make_roles
from ingest.store.operations import connected
from ingest.store.statements import SQL

LOGIN = "none"
MOST_ATTEMPTS = 20


class Snapshot(Struct, frozen=True):
    """One moment of the database, kept until its connection ends."""

    name: str
    schemas: Sequence[str]
    tables: int
    """How many there are."""


def server_version(url: str) -> int:
    """Return the server's major version.

    Raises:
        SettingsError: the database cannot be reached.
    """
    with connected(url, LOGIN) as connection:
        return connection.info.server_version // 10_000


@contextmanager
def held_snapshot(url: str) -> Iterator[Snapshot]:
    """Hold one snapshot of all tables, for others to read by its name.

    The tables are locked first, against nothing but being dropped: a refresh may replace one by a
    new one, in which a snapshot from before sees no rows. The locks come before the snapshot, as
    locking takes none.

    Raises:
        SettingsError: the database cannot be used, or its tables keep changing.
    """
    with connected(url, LOGIN) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        # It waits, idle, for whoever reads the snapshot.
        connection.execute("set idle_in_transaction_session_timeout = 0")
        for _ in range(MOST_ATTEMPTS):
            tables = connection.execute(SQL["list_dumped_tables"]).fetchall()
            try:
                with connection.transaction():
                    _lock(connection, tables)
                    # One that came in between is not locked.
                    if connection.execute(SQL["list_dumped_tables"]).fetchall() == tables:
                        yield _snapshot(connection, len(tables))
                        return
            except UndefinedTable:
                pass
        raise SettingsError("The database's tables keep changing: try again when nobody builds.")


def _lock(connection: psycopg.Connection[Any], tables: Sequence[tuple[str, str, int]]) -> None:
    if tables:
        names = sql.SQL(", ").join(sql.Identifier(schema, name) for schema, name, _ in tables)
        connection.execute(sql.SQL("lock table {} in access share mode").format(names))


def _snapshot(connection: psycopg.Connection[Any], tables: int) -> Snapshot:
    exported = connection.execute("select pg_export_snapshot()").fetchone()
    schemas = connection.execute(SQL["list_dumped_schemas"]).fetchall()
    assert exported is not None  # noqa: S101 - a function returns a row
    return Snapshot(name=exported[0], schemas=[name for (name,) in schemas], tables=tables)


@contextmanager
def alone_in_empty(url: str) -> Iterator[None]:
    """Keep migrations out of a database that holds nothing.

    Raises:
        SettingsError: it holds something, or it cannot be used.
    """
    with connected(url, LOGIN) as connection:
        connection.execute(SQL["lock_migrations"])
        if connection.execute(SQL["holds_nothing"]).fetchone() != (True,):
            raise SettingsError(
                "The database is not empty: restore into one that was just created and has never "
                "been migrated."
            )
        yield


def make_missing_roles(url: str, names: Sequence[str]) -> list[str]:
    """Make our own roles, and of the names that the server lacks some that cannot log in.

    Return those.

    Raises:
        SettingsError: the login may not.
    """
    made = []
    with connected(url, LOGIN) as connection:
        make_roles(connection)
        known = {name for (name,) in connection.execute("select rolname from pg_roles")}
        for name in names:
            if name in known:
                continue
            try:
                connection.execute(sql.SQL("create role {}").format(sql.Identifier(name)))
            except DuplicateObject:
                continue
            except InsufficientPrivilege:
                raise SettingsError(
                    f"The backup grants rights to {name}, which the server lacks and the login may "
                    "not make: have that role made first."
                ) from None
            made.append(name)
    return made


def forget_lost_bi_users(url: str) -> list[BiUser]:
    """Take out the BI users whose login the server does not have, and return them."""
    with (
        connected(url, "upshot_owner") as connection,
        connection.cursor(row_factory=class_row(BiUser)) as cursor,
    ):
        lost = sorted(cursor.execute(SQL["delete_lost_bi_users"]), key=lambda user: user.name)
        connection.execute(SQL["tell_bi_users"])
        return lost


def analyse(url: str) -> None:
    """Let the planner know what is there: a backup does not have that."""
    with connected(url, LOGIN) as connection:
        connection.execute("vacuum (analyze)")
