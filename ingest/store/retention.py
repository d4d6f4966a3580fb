"""For how long accounts keep what, and the deleting of what is older.

It is deleted as a call would: with its entries in the log, so that figures stay exact, and with
tombstones, so that no old event brings it back. Each batch is a transaction of its own: whatever
ends the work, the next time goes on from there.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from msgspec import Struct
from msgspec.structs import asdict
from psycopg.rows import class_row

from ingest.schema import SessionDeleted, SessionDeletedEvent
from ingest.settings import SettingsError
from ingest.store.apply import apply
from ingest.store.arrays import Uuids
from ingest.store.database import Connection, Database
from ingest.store.operations import connected, known_accounts
from ingest.store.statements import SQL

FOR_EVER = 0
BATCH = 500
"""How many sessions are deleted at a time: their account's other writers wait that long."""


class Retention(Struct, frozen=True, kw_only=True):
    """What an account keeps; None is for ever, of comments: as long as their sessions."""

    account_id: UUID
    name: str | None
    is_own: bool
    """Whether the days of sessions were set for this account, and are not everybody's."""
    session_days: int | None
    comment_days: int | None
    sessions_from: datetime | None
    """The first moment that is kept."""
    comments_from: datetime | None


class Expired(Struct, frozen=True, kw_only=True):
    """How much is older."""

    sessions: int
    comments: int
    """Whether their ratings stay or go with their sessions."""
    never_started: Sequence[UUID]
    """Sessions of which facts came, and no start in all that time."""


def set_retention(
    url: str, account_id: UUID, *, session_days: int | None, comment_days: int | None
) -> None:
    """Set for how long an account keeps what; None stays as it is.

    Raises:
        SettingsError: there is no such account.
    """
    _require_known(url, account_id)
    days = {"session_days": session_days, "comment_days": comment_days}
    with connected(url, "upshot_writer") as connection:
        connection.execute(
            SQL["upsert_retention"], {"account_id": account_id, "set_at": datetime.now(UTC), **days}
        )


def unset_retention(url: str, account_id: UUID) -> None:
    """Have an account keep what everybody keeps who has set nothing.

    Raises:
        SettingsError: there is no such account.
    """
    _require_known(url, account_id)
    with connected(url, "upshot_writer") as connection:
        connection.execute(SQL["delete_retention"], {"account_id": account_id})


def list_retentions(
    url: str, default_days: int | None, *, account_id: UUID | None = None
) -> list[Retention]:
    """Return what each account, or one, keeps now, by their names."""
    asked = {"default_days": default_days, "account_id": account_id, "now": datetime.now(UTC)}
    with connected(url) as connection, connection.cursor(row_factory=class_row(Retention)) as rows:
        return rows.execute(SQL["list_retentions"], asked).fetchall()


def find_expired(url: str, retention: Retention) -> Expired:
    """Return how much an account has that it does not keep any longer; nobody waits for it."""
    with connected(url) as connection:
        row = connection.execute(SQL["count_expired"], asdict(retention)).fetchone()
        sessions, comments = row or (0, 0)
        never_started = connection.execute(
            SQL["never_started"], asdict(retention) | {"session_ids": None}
        ).fetchall()
    return Expired(
        sessions=sessions, comments=comments, never_started=[each for (each,) in never_started]
    )


async def delete_sessions(database: Database, retention: Retention) -> int:
    """Delete the oldest sessions that are not kept; return how many: none when none is left.

    Raises:
        Unavailable: others write the account all the time, or the database is away.
    """
    async with database.writing(retention.account_id, alone=True) as connection:
        asked = asdict(retention) | {"most": BATCH}
        found = await (await connection.execute(SQL["expired_sessions"], asked)).fetchall()
        return await _delete(connection, retention.account_id, [each for (each,) in found])


async def delete_never_started(
    database: Database, retention: Retention, session_ids: Sequence[UUID]
) -> int:
    """Delete those of the sessions of which nothing was heard meanwhile; return how many.

    Raises:
        Unavailable: as `delete_sessions` does.
    """
    async with database.writing(retention.account_id, alone=True) as connection:
        asked = asdict(retention) | {"session_ids": Uuids(session_ids)}
        found = await (await connection.execute(SQL["never_started"], asked)).fetchall()
        return await _delete(connection, retention.account_id, [each for (each,) in found])


async def delete_comments(database: Database, retention: Retention) -> int:
    """Delete the oldest comments that are not kept, not their ratings; return how many.

    Raises:
        Unavailable: as `delete_sessions` does.
    """
    async with database.writing(retention.account_id, alone=True) as connection:
        asked = asdict(retention) | {"most": BATCH}
        found = await (await connection.execute(SQL["expired_comments"], asked)).fetchall()
        if found:
            common = {
                "account_id": retention.account_id,
                "received_at": datetime.now(UTC),
                "session_ids": Uuids(each for (each,) in found),
            }
            await connection.execute(SQL["delete_comments"], common)
            # No figure changes, but what was answered with them is true no more.
            await connection.execute(SQL["log_changes"], common)
        return len(found)


def _require_known(url: str, account_id: UUID) -> None:
    if not known_accounts(url, [account_id]):
        raise SettingsError(f"There is no account {account_id}.")


async def _delete(connection: Connection, account_id: UUID, session_ids: Sequence[UUID]) -> int:
    now = datetime.now(UTC)
    deleted = [
        SessionDeletedEvent(id=uuid4(), occurred_at=now, data=SessionDeleted(session_id=each))
        for each in session_ids
    ]
    if deleted:
        await apply(connection, account_id, deleted, received_at=now, alone=True)
    return len(deleted)
