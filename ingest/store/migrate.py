"""Migrations: `ingest/migrations/*.sql` in order, each once, by yoyo; then who may see what."""

import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import yoyo
from psycopg.errors import InsufficientPrivilege

from ingest.settings import SettingsError
from ingest.store.statements import SQL

MIGRATIONS = Path(__file__).parent.parent / "migrations"

ROLES = ("make_roles", "close_public_doors")
"""What no copy or dump of a database brings along."""
RELATIONS = (
    "define_tell_bi_users",
    "tell_bi_users",
    "define_lock_rows",
    "define_distribute",
    "define_open_schema",
    "define_serve",
    "grant_raw",
    "own_relations",
    "distribute_tables",
)
"""Whose the schemas are, who sees which of their rows, and on which nodes they are."""


def migrate(url: str) -> list[str]:
    """Apply what is missing; return the names of what was applied.

    Safe by two processes at once: the second waits, and finds nothing left to do.

    Raises:
        SettingsError: the database cannot be reached, or the login may not make the roles.

    """
    logging.getLogger("yoyo").setLevel(logging.WARNING)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SQL["lock_migrations"])
            make_roles(connection)
            applied = _apply(url)
            for statement in RELATIONS:
                connection.execute(SQL[statement])
            return applied
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        reason = str(error).strip().splitlines()[0]
        raise SettingsError(f"The database cannot be used: {reason}.") from None


def make_roles(connection: psycopg.Connection[Any]) -> None:
    """Make the roles that the server lacks, and say what they may do in this database.

    Raises:
        SettingsError: the login may not.
    """
    try:
        for statement in ROLES:
            connection.execute(SQL[statement])
    except InsufficientPrivilege as error:
        reason = str(error).strip().splitlines()[0]
        raise SettingsError(
            f"The login may not make the database's roles ({reason}): give it CREATEROLE, "
            "or have them made for it as docs/access.md says."
        ) from None


def _apply(url: str) -> list[str]:
    parts = urlsplit(url)
    with yoyo.get_backend(urlunsplit(parts._replace(scheme="postgresql+psycopg"))) as backend:
        # yoyo locks with a row, which outlives a process that was killed. Whoever holds the
        # advisory lock is alone: any such row is a left-over.
        backend.break_lock()
        missing = backend.to_apply(yoyo.read_migrations(str(MIGRATIONS)))
        with backend.lock():
            backend.apply_migrations(missing)
        return [migration.id for migration in missing]
