"""What the `upshot` command asks of the database outside any request."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import psycopg
from psycopg.pq import Conninfo
from psycopg.rows import dict_row

from ingest.settings import SettingsError
from ingest.store.statements import SQL

CONNECT_SECONDS = 10


@contextmanager
def connected(url: str, role: str = "upshot_transformer") -> Iterator[psycopg.Connection[Any]]:
    """Connect as one of the roles, in autocommit.

    Raises:
        SettingsError: the database cannot be reached, or not be used.

    """
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
            connection.execute(SQL["configure_command"], {"role": role})
            yield connection
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.InvalidSchemaName,
        # There is no such role.
        psycopg.errors.InvalidParameterValue,
    ):
        raise SettingsError("The database is not migrated: run `upshot migrate`.") from None
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        reason = str(error).strip().splitlines()[0]
        raise SettingsError(f"The database cannot be used: {reason}.") from None


def libpq_variables(url: str) -> dict[str, str]:
    """Return the URL as libpq's environment variables, which dbt's profile and psql read.

    Raises:
        SettingsError: it is no connection URL.
    """
    try:
        options = Conninfo.parse(url.encode())
    except psycopg.OperationalError:
        raise SettingsError("UPSHOT_DATABASE_URL is not a PostgreSQL connection URL.") from None
    # What the URL leaves open is the environment's, as libpq has it; these the profile requires.
    required = {
        "PGHOST": "localhost",
        "PGPORT": "5432",
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
        "PGPASSWORD": "",
    }
    variables = {name: os.environ.get(name, default) for name, default in required.items()}
    # All that the URL says, so that its sslmode, options and the like hold for everyone.
    for option in options:
        if option.envvar and option.val:
            variables[option.envvar.decode()] = option.val.decode()
    return variables


def without_password(url: str) -> str:
    """Return the URL as it may be shown."""
    url = re.sub(r"([?&]password=)[^&]*", r"\1***", url)
    parts = urlsplit(url)
    if not parts.password:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))


def require_migrated(url: str) -> None:
    """Raise SettingsError unless the database has what its roles need."""
    with connected(url, "none") as connection:
        if connection.execute(SQL["is_migrated"]).fetchone() != (True,):
            raise SettingsError("The database is not migrated: run `upshot migrate`.")


def refresh_is_due(url: str) -> bool:
    """Say whether something was written that the marts do not show yet."""
    return _value(url, "refresh_is_due") is True


def vacuum_changes(url: str) -> None:
    """Clear away the rows that a refresh took out of the log: every read passes them."""
    with connected(url, "upshot_owner") as connection:
        connection.execute(SQL["vacuum_changes"])


def rows_of(url: str, query: str, most: int) -> list[dict[str, Any]]:
    """Return the first rows of a query of ours."""
    with connected(url) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchmany(most)


def is_empty(url: str) -> bool:
    """Say whether nothing was ever written."""
    return _value(url, "is_empty") is True


def known_accounts(url: str, account_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the accounts that have a name already."""
    with connected(url) as connection:
        rows = connection.execute(SQL["known_accounts"], {"account_ids": list(account_ids)})
        return {account_id for (account_id,) in rows}


def find_unrated_session(url: str, account_id: UUID, user_id: UUID) -> UUID | None:
    """Return the user's latest session that could be rated."""
    found: UUID | None = _value(url, "find_unrated_session", account_id=account_id, user_id=user_id)
    return found


def _value(url: str, statement: str, **parameters: object) -> Any:
    with connected(url) as connection:
        row = connection.execute(SQL[statement], parameters).fetchone()
    return row[0] if row else None
