"""What an event does to the raw tables.

Raw state does not depend on the order or the repetition of events: every statement keeps, per
key, the greatest (`occurred_at`, event id), and what was erased stays erased. All events of a
kind go in one statement, be they one or ten thousand, which sorts them by their keys, so that
writers do not deadlock.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import AsyncCursor

from ingest.schema import (
    AccountUpsertedEvent,
    AnyEvent,
    FlowUpsertedEvent,
    SessionCompletedEvent,
    SessionDeletedEvent,
    SessionRatedEvent,
    SessionStartedEvent,
    StepFeedbackEvent,
    StepVisitedEvent,
    UserErasedEvent,
    UserUpsertedEvent,
)
from ingest.store.arrays import (
    Bytes,
    Column,
    Documents,
    Flags,
    Moments,
    Numbers,
    Texts,
    Uuids,
)
from ingest.store.database import Connection
from ingest.store.statements import SQL
from ingest.store.tombstones import tombstone

Cursor = AsyncCursor[Any]

NIL = UUID(int=0)
"""Stands for the session's own user, whom a vote did not name; in the log, for no session."""


class AloneNeeded(Exception):
    """These events erase something: they have to run while nobody else writes the account."""


_STATEMENTS: dict[type, tuple[str, ...]] = {
    UserUpsertedEvent: ("upsert_users",),
    FlowUpsertedEvent: ("upsert_flows", "upsert_flow_steps"),
    SessionStartedEvent: ("upsert_session_starts",),
    SessionCompletedEvent: ("upsert_session_completions",),
    StepVisitedEvent: ("upsert_step_visits",),
    SessionRatedEvent: ("upsert_session_ratings",),
    StepFeedbackEvent: ("upsert_step_feedback",),
}
"""What is run for the events of a kind, in this order: every writer has the same."""

_COLUMNS: dict[str, type[Column[Any]]] = {
    "account_id": Uuids,
    "user_id": Uuids,
    "flow_id": Uuids,
    "session_id": Uuids,
    "step_id": Texts,
    "name": Texts,
    "time_zone": Texts,
    "role": Texts,
    "steps": Documents,
    "started_at": Moments,
    "visited_at": Moments,
    "completed_at": Moments,
    "outcome": Texts,
    "rating": Numbers,
    "comment": Texts,
    "was_helpful": Flags,
}
"""How each field of an event's data goes to the database."""

_OF_A_SESSION = (
    SessionStartedEvent,
    StepVisitedEvent,
    SessionCompletedEvent,
    SessionRatedEvent,
)

_NAMING_NO_SESSION = (AccountUpsertedEvent, UserUpsertedEvent, FlowUpsertedEvent, UserErasedEvent)

_ERASING = (UserErasedEvent, SessionDeletedEvent)

_SESSION, _USER = attrgetter("data.session_id"), attrgetter("data.user_id")


def need_alone(events: Iterable[AnyEvent]) -> bool:
    """Say whether these events have to run while nobody else writes the account."""
    alone = AccountUpsertedEvent | UserErasedEvent | SessionDeletedEvent
    return any(isinstance(event, alone) for event in events)


class Asked(NamedTuple):
    """What the database was asked of erasures, and what it will answer with means."""

    answer: Cursor
    sessions: dict[bytes, UUID]
    users: dict[bytes, UUID]

    async def erased(self) -> set[tuple[str, UUID]]:
        """Return the kind and the id of each that was erased."""
        ids = {"session": self.sessions, "user": self.users}
        return {(kind, ids[kind][bytes(found)]) for kind, found in await self.answer.fetchall()}


async def ask_erasures(
    connection: Connection, account_id: UUID, events: Sequence[AnyEvent]
) -> Asked:
    """Ask which of the sessions and users that events name were erased."""
    sessions = {event.data.session_id for event in events if hasattr(event.data, "session_id")}
    named = (getattr(event.data, "user_id", None) for event in events)
    users = {each for each in named if each is not None}
    return await ask_erased(connection, account_id, sessions=sessions, users=users)


async def ask_erased(
    connection: Connection, account_id: UUID, *, sessions: Iterable[UUID], users: Iterable[UUID]
) -> Asked:
    """Ask which of these were erased."""
    by_hash = [{tombstone(each): each for each in ids} for ids in (sessions, users)]
    hashes = {"session_hashes": Bytes(by_hash[0]), "user_hashes": Bytes(by_hash[1])}
    answer = await connection.execute(SQL["read_tombstones"], {"account_id": account_id, **hashes})
    return Asked(answer, *by_hash)


async def apply(
    connection: Connection,
    account_id: UUID,
    events: Sequence[AnyEvent],
    *,
    received_at: datetime,
    alone: bool,
    asked: Asked | None = None,
) -> None:
    """Write the events of one account, and the sessions they touch to the change log.

    Args:
        connection: in a transaction that holds the account's lock.
        account_id: the account of all of them.
        events: valid, each of an id of its own.
        received_at: our time.
        alone: whether the lock shuts out other writers.
        asked: what `ask_erasures` was asked of these events, or more, if it was.

    Raises:
        AloneNeeded: something is to be erased and `alone` is false; nothing was written.

    """
    common = {"account_id": account_id, "received_at": received_at}
    asked = asked or await ask_erasures(connection, account_id, events)
    erased = await asked.erased()
    living, touched = await _erase(connection, events, erased, common, alone=alone)
    of_kind: dict[type, list[AnyEvent]] = defaultdict(list)
    for event in living:
        of_kind[type(event)].append(event)
    if await _upsert_accounts(connection, of_kind[AccountUpsertedEvent], common):
        touched.add(None)
    for kind, statements in _STATEMENTS.items():
        if own := of_kind[kind]:
            columns = _columns(own)
            for statement in statements:
                await connection.execute(SQL[statement], columns | common)
    if naming := _naming(living):
        named = {"session_id": Uuids(map(_SESSION, naming)), "user_id": Uuids(map(_USER, naming))}
        await connection.execute(SQL["name_session_users"], named | common)
    touched.update(event.data.session_id for event in living if hasattr(event.data, "session_id"))
    if any(isinstance(event, _NAMING_NO_SESSION) for event in events):
        # No figure changes, but names are in the answers.
        touched.add(NIL)
    if touched:
        await connection.execute(SQL["log_changes"], common | {"session_ids": Uuids(touched)})


def _columns(events: Sequence[Any]) -> dict[str, Column[Any]]:
    """Return the events of one kind as columns, named as the fields are."""
    data = [event.data for event in events]
    columns: dict[str, Column[Any]] = {
        "event_id": Uuids([event.id for event in events]),
        "occurred_at": Moments([event.occurred_at for event in events]),
    }
    for name in data[0].__struct_fields__:
        columns[name] = _COLUMNS[name](map(attrgetter(name), data))
    return columns


def _naming(events: Sequence[AnyEvent], users: Container[UUID] | None = None) -> list[Any]:
    """Return the events that name a session's user, of these users if given."""
    return [
        event
        for event in events
        if isinstance(event, _OF_A_SESSION)
        and event.data.user_id is not None
        and (users is None or event.data.user_id in users)
    ]


async def _upsert_accounts(
    connection: Connection, events: Sequence[AnyEvent], common: dict[str, Any]
) -> bool:
    """Write the account's name and zone; say whether its zone, and so its days, changed."""
    if not events:
        return False
    read = SQL["read_account_version"]
    before = await connection.execute(read, common)
    await connection.execute(SQL["upsert_accounts"], _columns(events) | common)
    after = await connection.execute(read, common)
    return _zone(await before.fetchone()) != _zone(await after.fetchone())


def _zone(row: tuple[datetime, str] | None) -> str:
    return row[1] if row else "UTC"


async def _erase(
    connection: Connection,
    events: Sequence[AnyEvent],
    erased: set[tuple[str, UUID]],
    common: dict[str, Any],
    *,
    alone: bool,
) -> tuple[Sequence[AnyEvent], set[UUID | None]]:
    """Carry out erasures; return the events about what is left, and the sessions touched.

    A session goes with any user whom one of its events ever named, or what others say of it
    would stay or go depending on which event came first. A vote is its user's alone.
    """
    if not erased and not any(isinstance(event, _ERASING) for event in events):
        return events, set()
    users = {event.data.user_id for event in events if isinstance(event, UserErasedEvent)}
    gone_users = users | {subject for kind, subject in erased if kind == "user"}
    sessions = {event.data.session_id for event in events if isinstance(event, SessionDeletedEvent)}
    sessions |= {event.data.session_id for event in _naming(events, gone_users)}
    users -= {subject for kind, subject in erased if kind == "user"}
    touched: set[UUID | None] = set()
    if users or sessions:
        ids = common | {"user_ids": list(users), "session_ids": []}
        if users:
            found = await (await connection.execute(SQL["sessions_of_users"], ids)).fetchall()
            sessions |= {session for (session,) in found}
        sessions -= {subject for kind, subject in erased if kind == "session"}
        if (users or sessions) and not alone:
            raise AloneNeeded
        ids["session_ids"] = list(sessions)
        hashes = {
            "session_hashes": Bytes(map(tombstone, sessions)),
            "user_hashes": Bytes(map(tombstone, users)),
        }
        await connection.execute(SQL["insert_tombstones"], common | hashes)
        await connection.execute(SQL["delete_sessions"], ids)
        voted_on = await (await connection.execute(SQL["delete_users"], ids)).fetchall()
        touched |= sessions | {session for (session,) in voted_on}

    gone_sessions = sessions | {subject for kind, subject in erased if kind == "session"}
    living = [event for event in events if not _is_gone(event, gone_users, gone_sessions)]
    return living, touched


def _is_gone(event: AnyEvent, users: set[UUID], sessions: set[UUID]) -> bool:
    match event:
        case UserErasedEvent() | SessionDeletedEvent():
            return True
        case UserUpsertedEvent():
            return event.data.user_id in users
        case StepFeedbackEvent() if event.data.user_id in users:
            return True
        case _:
            return getattr(event.data, "session_id", None) in sessions
