"""What an event does to the raw tables.

Raw state does not depend on the order or the repetition of events: every statement keeps, per
key, the greatest (`occurred_at`, event id), and what was erased stays erased. All events of a
kind go in one statement, in the order of their keys, so that writers do not deadlock.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

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
from ingest.store.database import Connection
from ingest.store.statements import SQL

Key = tuple[Any, ...]

NIL = UUID(int=0)
"""Stands for the session's own user, whom a vote did not name; in the log, for no session."""


class AloneNeeded(Exception):
    """These events erase something: they have to run while nobody else writes the account."""


class _Kind(NamedTuple):
    event: type
    key: Callable[[Any], Key]
    statements: tuple[str, ...]


# The key is that of the table: no statement may meet the same row twice.
_KINDS = (
    _Kind(UserUpsertedEvent, lambda data: (data.user_id,), ("upsert_users",)),
    _Kind(FlowUpsertedEvent, lambda data: (data.flow_id,), ("upsert_flows", "upsert_flow_steps")),
    _Kind(SessionStartedEvent, lambda data: (data.session_id,), ("upsert_session_starts",)),
    _Kind(SessionCompletedEvent, lambda data: (data.session_id,), ("upsert_session_completions",)),
    _Kind(
        StepVisitedEvent,
        lambda data: (data.session_id, data.step_id, data.visited_at),
        ("upsert_step_visits",),
    ),
    _Kind(SessionRatedEvent, lambda data: (data.session_id,), ("upsert_session_ratings",)),
    _Kind(
        StepFeedbackEvent,
        lambda data: (data.session_id, data.step_id, data.user_id or NIL),
        ("upsert_step_feedback",),
    ),
)

_OF_A_SESSION = (
    SessionStartedEvent,
    StepVisitedEvent,
    SessionCompletedEvent,
    SessionRatedEvent,
)

_NAMING_NO_SESSION = (AccountUpsertedEvent, UserUpsertedEvent, FlowUpsertedEvent, UserErasedEvent)


def need_alone(events: Iterable[AnyEvent]) -> bool:
    """Say whether these events have to run while nobody else writes the account."""
    alone = AccountUpsertedEvent | UserErasedEvent | SessionDeletedEvent
    return any(isinstance(event, alone) for event in events)


async def apply(
    connection: Connection,
    account_id: UUID,
    events: Sequence[AnyEvent],
    *,
    received_at: datetime,
    alone: bool,
) -> None:
    """Write the events of one account, and the sessions they touch to the change log.

    Args:
        connection: in a transaction that holds the account's lock.
        account_id: the account of all of them.
        events: valid, each of an id of its own.
        received_at: our time.
        alone: whether the lock shuts out other writers.

    Raises:
        AloneNeeded: something is to be erased and `alone` is false; nothing was written.

    """
    common = {"account_id": account_id, "received_at": received_at}
    living, touched = await _erase(connection, events, common, alone=alone)
    if await _upsert_accounts(connection, living, common):
        touched.add(None)
    for batch in _rounds(_naming(living), lambda data: (data.session_id,)):
        items = Jsonb([_row(event) for event in batch], dumps=msgspec.json.encode)
        await connection.execute(SQL["name_session_users"], common | {"items": items})
    for kind in _KINDS:
        own = [event for event in living if isinstance(event, kind.event)]
        for batch in _rounds(own, kind.key):
            items = Jsonb([_row(event) for event in batch], dumps=msgspec.json.encode)
            for statement in kind.statements:
                await connection.execute(SQL[statement], common | {"items": items})
    touched |= {event.data.session_id for event in living if hasattr(event.data, "session_id")}
    if any(isinstance(event, _NAMING_NO_SESSION) for event in events):
        # No figure changes, but names are in the answers.
        touched.add(NIL)
    if touched:
        await connection.execute(SQL["log_changes"], common | {"session_ids": list(touched)})


def _naming(events: Sequence[AnyEvent], users: Container[UUID] | None = None) -> list[Any]:
    """Return the events that name a session's user, of these users if given."""
    return [
        event
        for event in events
        if isinstance(event, _OF_A_SESSION)
        and event.data.user_id is not None
        and (users is None or event.data.user_id in users)
    ]


def _row(event: AnyEvent) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "occurred_at": event.occurred_at,
        **msgspec.structs.asdict(event.data),
    }


def _rounds(events: Sequence[Any], key: Callable[[Any], Key]) -> Iterator[list[Any]]:
    """Split events so that no key comes twice in a round; each round in the order of its keys."""
    waiting: dict[Key, list[Any]] = {}
    for event in events:
        waiting.setdefault(key(event.data), []).append(event)
    ordered = [waiting[each] for each in sorted(waiting, key=str)]
    while ordered:
        yield [queue.pop() for queue in ordered]
        ordered = [queue for queue in ordered if queue]


async def _upsert_accounts(
    connection: Connection, events: Sequence[AnyEvent], common: dict[str, Any]
) -> bool:
    """Write the account's name and zone; say whether its zone, and so its days, changed."""
    own = [event for event in events if isinstance(event, AccountUpsertedEvent)]
    if not own:
        return False
    read = SQL["read_account_version"]
    before = await (await connection.execute(read, common)).fetchone()
    for batch in _rounds(own, lambda data: (data.account_id,)):
        items = Jsonb([_row(event) for event in batch], dumps=msgspec.json.encode)
        await connection.execute(SQL["upsert_accounts"], common | {"items": items})
    after = await (await connection.execute(read, common)).fetchone()
    return _zone(before) != _zone(after)


def _zone(row: tuple[datetime, str] | None) -> str:
    return row[1] if row else "UTC"


async def _erase(
    connection: Connection, events: Sequence[AnyEvent], common: dict[str, Any], *, alone: bool
) -> tuple[list[AnyEvent], set[UUID | None]]:
    """Carry out erasures; return the events about what is left, and the sessions touched.

    A session goes with any user whom one of its events ever named, or what others say of it
    would stay or go depending on which event came first. A vote is its user's alone.
    """
    named_sessions = {
        event.data.session_id for event in events if hasattr(event.data, "session_id")
    }
    named_users = {getattr(event.data, "user_id", None) for event in events} - {None}
    rows = await (
        await connection.execute(
            SQL["read_erasures"],
            common | {"session_ids": list(named_sessions), "user_ids": list(named_users)},
        )
    ).fetchall()
    erased = {(kind, subject) for kind, subject in rows}

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
        await connection.execute(SQL["insert_erasures"], ids)
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
