"""All that is held about a person, as the events that would say it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg.rows import namedtuple_row

from ingest.schema import (
    AnyEvent,
    SessionCompleted,
    SessionCompletedEvent,
    SessionRated,
    SessionRatedEvent,
    SessionStarted,
    SessionStartedEvent,
    StepFeedback,
    StepFeedbackEvent,
    StepVisited,
    StepVisitedEvent,
    UserUpserted,
    UserUpsertedEvent,
)
from ingest.store.apply import NIL
from ingest.store.arrays import Uuids
from ingest.store.database import Database
from ingest.store.reading import ReadingConnection
from ingest.store.statements import SQL


class Held(Struct, frozen=True, kw_only=True):
    """Something that is held, and since when."""

    event: AnyEvent
    """What would say it; of several events that did, the one that stands."""
    received_at: datetime


class Found(Struct, frozen=True, kw_only=True):
    """Where there is something about a person."""

    user: Held | None
    own: Sequence[UUID]
    """Their sessions."""
    voted: Sequence[UUID]
    """Those of others on which they voted."""
    named: Sequence[UUID]
    """Those of others, of which some event said that they were theirs."""

    @property
    def amount(self) -> int:
        return len(self.own) + len(self.voted) + len(self.named) + (self.user is not None)


async def find_person(database: Database, account_id: UUID, user_id: UUID) -> Found:
    """Say where there is something about a person in an account."""
    asked = {"account_id": account_id, "user_id": user_id}
    async with (
        database.reading(account_id) as connection,
        database.snapshot(connection, lock=None),
    ):
        sessions = await (await connection.execute(SQL["sessions_about_user"], asked)).fetchall()
        votes = await (await connection.execute(SQL["votes_of_user"], asked)).fetchall()
        users = await _rows(connection, "read_user", asked)
    own = {session_id for session_id, is_theirs in sessions if is_theirs}
    return Found(
        user=next((_user(user_id, row) for row in users), None),
        own=sorted(own),
        voted=sorted({session_id for (session_id,) in votes} - own),
        named=sorted(session_id for session_id, is_theirs in sessions if not is_theirs),
    )


async def read_held(
    database: Database,
    account_id: UUID,
    user_id: UUID,
    *,
    own: Sequence[UUID] = (),
    voted: Sequence[UUID] = (),
) -> list[Held]:
    """Return what is held about a person in some sessions, session by session.

    Args:
        database: to read.
        account_id: of the person.
        user_id: the person.
        own: sessions of theirs.
        voted: sessions of others, of which only their votes are returned.
    """
    asked = {"account_id": account_id, "user_id": user_id, "session_ids": Uuids(own)}
    ids = {"own_session_ids": Uuids(own), "session_ids": Uuids([*own, *voted])}
    async with (
        database.reading(account_id) as connection,
        database.snapshot(connection, lock=None),
    ):
        held = [
            *(
                half
                for row in await _rows(connection, "read_sessions", asked)
                for half in _session(user_id, row)
            ),
            *(_visit(user_id, row) for row in await _rows(connection, "read_visits", asked)),
            *(_rating(user_id, row) for row in await _rows(connection, "read_ratings", asked)),
            *(_vote(row) for row in await _rows(connection, "read_votes", asked | ids)),
        ]
    place = {session_id: number for number, session_id in enumerate([*own, *voted])}

    def order(each: Held) -> tuple[int, datetime, UUID]:
        data: Any = each.event.data
        return place[data.session_id], each.event.occurred_at, each.event.id

    return sorted(held, key=order)


async def _rows(connection: ReadingConnection, statement: str, asked: dict[str, Any]) -> list[Any]:
    async with connection.cursor(row_factory=namedtuple_row) as cursor:
        return await (await cursor.execute(SQL[statement], asked)).fetchall()


# Each says whose it is: an event need not, and the session that did may be of another file.


def _user(user_id: UUID, row: Any) -> Held:
    data = UserUpserted(user_id=user_id, name=row.name, role=row.role)
    event = UserUpsertedEvent(id=row.event_id, occurred_at=row.occurred_at, data=data)
    return Held(event=event, received_at=row.received_at)


def _session(user_id: UUID, row: Any) -> list[Held]:
    """Return its halves, as far as they are known."""
    halves = []
    if row.started_at is not None:
        started = SessionStarted(
            session_id=row.session_id,
            flow_id=row.flow_id,
            user_id=user_id,
            started_at=row.started_at,
        )
        start = SessionStartedEvent(
            id=row.started_event_id, occurred_at=row.started_occurred_at, data=started
        )
        halves.append(Held(event=start, received_at=row.started_received_at))
    if row.completed_at is not None:
        completed = SessionCompleted(
            session_id=row.session_id,
            outcome=row.outcome,
            completed_at=row.completed_at,
            user_id=user_id,
        )
        end = SessionCompletedEvent(
            id=row.completed_event_id, occurred_at=row.completed_occurred_at, data=completed
        )
        halves.append(Held(event=end, received_at=row.completed_received_at))
    return halves


def _visit(user_id: UUID, row: Any) -> Held:
    data = StepVisited(
        session_id=row.session_id, step_id=row.step_id, visited_at=row.visited_at, user_id=user_id
    )
    event = StepVisitedEvent(id=row.event_id, occurred_at=row.occurred_at, data=data)
    return Held(event=event, received_at=row.received_at)


def _rating(user_id: UUID, row: Any) -> Held:
    data = SessionRated(
        session_id=row.session_id, rating=row.rating, comment=row.comment, user_id=user_id
    )
    event = SessionRatedEvent(id=row.event_id, occurred_at=row.occurred_at, data=data)
    return Held(event=event, received_at=row.received_at)


def _vote(row: Any) -> Held:
    data = StepFeedback(
        session_id=row.session_id,
        step_id=row.step_id,
        was_helpful=row.was_helpful,
        user_id=None if row.user_id == NIL else row.user_id,
    )
    event = StepFeedbackEvent(id=row.event_id, occurred_at=row.occurred_at, data=data)
    return Held(event=event, received_at=row.received_at)
