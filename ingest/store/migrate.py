"""Migrations: `ingest/migrations/*.sql` in order, each once, by yoyo."""

import logging
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import yoyo

from ingest.settings import SettingsError
from ingest.store.statements import SQL

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def migrate(url: str) -> list[str]:
    """Apply what is missing; return the names of what was applied.

    Safe by two processes at once: the second waits, and finds nothing left to do.

    Raises:
        SettingsError: the database cannot be reached.

    """
    logging.getLogger("yoyo").setLevel(logging.WARNING)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SQL["lock_migrations"])
            return _apply(url)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        reason = str(error).strip().splitlines()[0]
        raise SettingsError(f"The database cannot be used: {reason}.") from None


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
