"""BI users: logins that see one account's marts, whatever SQL they type."""

import re
import secrets
from typing import Any
from uuid import UUID

import psycopg
from msgspec import Struct
from psycopg import sql
from psycopg.errors import DuplicateObject, InsufficientPrivilege
from psycopg.rows import class_row

from ingest.settings import SettingsError
from ingest.store.migrate import make_roles
from ingest.store.operations import connected, known_accounts
from ingest.store.statements import SQL

LOGIN = "none"
"""The role that a login has before it takes on another: CREATEROLE is the login's own."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
RESERVED = ("pg_", "upshot_")
SHORTEST_PASSWORD = 12

CREATE = sql.SQL(
    "create role {name} login inherit connection limit 5 password {password} in role upshot_bi"
)
# They spare others what is typed by accident: whoever wants to can set them otherwise.
DEFAULTS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "search_path": "marts",
}


class BiUser(Struct, frozen=True):
    name: str
    account_id: UUID


def make_bi_user(url: str, user: BiUser, password: str | None) -> str:
    """Make a login that sees the account's marts and nothing else; return its password.

    Args:
        url: of the database.
        user: its name and account.
        password: without one, a new one.

    Raises:
        SettingsError: the name is unfit or taken, the account unknown, the password too
            short, or the login of the URL may not create roles.
    """
    if not NAME.fullmatch(user.name) or user.name.startswith(RESERVED):
        raise SettingsError(
            "A BI user's name has up to 63 small letters, digits and underscores, and does not "
            f"begin with {' or '.join(RESERVED)}."
        )
    if password is not None and len(password) < SHORTEST_PASSWORD:
        raise SettingsError(f"The password has fewer than {SHORTEST_PASSWORD} characters.")
    if not known_accounts(url, [user.account_id]):
        raise SettingsError(f"There is no account {user.account_id}.")
    password = password or secrets.token_urlsafe(24)
    with connected(url, LOGIN) as connection:
        # A database that was copied or restored lets everybody make temporary functions.
        make_roles(connection)
        try:
            with connection.transaction():
                _create(connection, user, password)
        except DuplicateObject:
            raise SettingsError(f"The server has a role {user.name} already.") from None
        except InsufficientPrivilege as error:
            raise _not_allowed(error) from None
    return password


def revoke_bi_user(url: str, name: str) -> None:
    """End the sessions of a BI user and drop the login.

    Raises:
        SettingsError: there is no such user, or the login of the URL may not drop roles.
    """
    with connected(url, LOGIN) as connection:
        try:
            with connection.transaction():
                connection.execute("set local role upshot_owner")
                if not connection.execute(SQL["delete_bi_user"], {"name": name}).rowcount:
                    raise SettingsError(f"There is no BI user {name}.")
                connection.execute(SQL["tell_bi_users"])
                connection.execute("set local role none")
                connection.execute(SQL["end_sessions_of_role"], {"name": name})
                connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))
        except InsufficientPrivilege as error:
            raise _not_allowed(error) from None


def bi_users(url: str) -> list[BiUser]:
    """Return the BI users of the database, by name."""
    with (
        connected(url, "upshot_owner") as connection,
        connection.cursor(row_factory=class_row(BiUser)) as cursor,
    ):
        return cursor.execute(SQL["list_bi_users"]).fetchall()


def _create(connection: psycopg.Connection[Any], user: BiUser, password: str) -> None:
    name = sql.Identifier(user.name)
    # What the server is told, and may log, is not the password.
    hashed = connection.pgconn.encrypt_password(
        password.encode(), user.name.encode(), b"scram-sha-256"
    )
    connection.execute(CREATE.format(name=name, password=hashed.decode()))
    for setting, value in DEFAULTS.items():
        connection.execute(
            sql.SQL("alter role {} set {} = {}").format(name, sql.Identifier(setting), value)
        )
    connection.execute("set local role upshot_owner")
    connection.execute(SQL["insert_bi_user"], {"name": user.name, "account_id": user.account_id})
    connection.execute(SQL["tell_bi_users"])


def _not_allowed(error: InsufficientPrivilege) -> SettingsError:
    reason = str(error).strip().splitlines()[0]
    return SettingsError(
        f"The database's login may not do that ({reason}): it needs CREATEROLE, as docs/access.md "
        "says."
    )
