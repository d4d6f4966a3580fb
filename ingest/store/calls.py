"""The single calls: they judge the state they find, then do what their event does.

One transaction each; of the calls about a session, a user or a flow one runs at a time.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from msgspec.structs import asdict, replace
from psycopg.rows import class_row

from ingest.auth import Identity
from ingest.problems import (
    AlreadyCompleted,
    Erased,
    NotYourSession,
    SessionConflict,
    SessionNotFound,
    invalid,
)
from ingest.schema import (
    AccountUpserted,
    AccountUpsertedEvent,
    AnyEvent,
    Completion,
    FlowUpserted,
    FlowUpsertedEvent,
    Session,
    SessionCompleted,
    SessionCompletedEvent,
    SessionDeleted,
    SessionDeletedEvent,
    SessionStarted,
    SessionStartedEvent,
    StepVisited,
    StepVisitedEvent,
    UserErased,
    UserErasedEvent,
    UserUpserted,
    UserUpsertedEvent,
    Visit,
)
from ingest.store.apply import AloneNeeded, apply, ask_erased, need_alone
from ingest.store.database import Connection, Database
from ingest.store.statements import SQL

TICK = timedelta(microseconds=1)


async def start_session(
    database: Database, who: Identity, started: SessionStarted, *, now: datetime
) -> tuple[Session, bool]:
    """Start a session.

    Returns:
        the session, and whether it is new.

    Raises:
        SessionConflict: the id is that of a session with other content.
        Erased: the session or its user was erased.

    """
    async with _judging(database, who, started.session_id) as connection:
        await _refuse_erased(
            connection, who, users=[started.user_id], sessions=[started.session_id]
        )
        session = await _read_session(connection, who, started.session_id)
        if session is not None:
            same = (session.flow_id, session.user_id) == (started.flow_id, started.user_id)
            if not same or started.started_at not in (None, session.started_at):
                raise SessionConflict("This id is taken by a session with other content.")
            return session, False
        occurred_at = started.started_at or now
        data = replace(started, started_at=occurred_at)
        event = SessionStartedEvent(id=uuid4(), occurred_at=occurred_at, data=data)
        await _apply(connection, who, event, now)
        return await _find_session(connection, who, started.session_id), True


async def visit_step(
    database: Database, who: Identity, visited: StepVisited, *, now: datetime
) -> tuple[Visit, bool]:
    """Note a visit; return it, and whether it is new.

    Raises:
        SessionNotFound, NotYourSession

    """
    async with _judging(database, who, visited.session_id) as connection:
        await _own_session(connection, who, visited.session_id)
        visit = Visit(
            session_id=visited.session_id,
            step_id=visited.step_id,
            visited_at=visited.visited_at or now,
        )
        key = {"account_id": who.account_id, **asdict(visit)}
        if await (await connection.execute(SQL["visit_exists"], key)).fetchone():
            return visit, False
        data = StepVisited(**asdict(visit))
        event = StepVisitedEvent(id=uuid4(), occurred_at=visit.visited_at, data=data)
        await _apply(connection, who, event, now)
        return visit, True


async def complete_session(
    database: Database, who: Identity, session_id: UUID, completion: Completion, *, now: datetime
) -> Session:
    """Complete a session.

    Raises:
        SessionNotFound, NotYourSession
        AlreadyCompleted: with another outcome.
        Invalid: before its start.

    """
    async with _judging(database, who, session_id) as connection:
        session = await _own_session(connection, who, session_id)
        # A start that a fast client clock dated ahead of ours is no reason to refuse its end.
        completed_at = completion.completed_at or max(now, session.started_at)
        if completed_at < session.started_at:
            raise invalid("/completed_at", "The session would be completed before its start.")
        if session.outcome == completion.outcome:
            return session
        if session.outcome is not None:
            raise AlreadyCompleted("The session was completed with another outcome.")
        data = SessionCompleted(
            session_id=session_id, outcome=completion.outcome, completed_at=completed_at
        )
        # What is known of its end may lack the outcome: this beats it, whenever it was told.
        before = await _version(connection, who, "read_completion_version", session_id)
        occurred_at = _after(before, completed_at)
        event = SessionCompletedEvent(id=uuid4(), occurred_at=occurred_at, data=data)
        await _apply(connection, who, event, now)
        return await _find_session(connection, who, session_id)


async def put_account(
    database: Database, who: Identity, account: AccountUpserted, *, now: datetime
) -> bool:
    """Name an account and its zone; return whether it is new."""
    async with database.writing(who.account_id, alone=True) as connection:
        before = await _version(connection, who, "read_account_version", account.account_id)
        event = AccountUpsertedEvent(id=uuid4(), occurred_at=_after(before, now), data=account)
        await _apply(connection, who, event, now)
    return before is None


async def put_user(database: Database, who: Identity, user: UserUpserted, *, now: datetime) -> bool:
    """Name a user; return whether they are new.

    Raises:
        Erased: the user was erased.

    """
    async with _judging(database, who, user.user_id) as connection:
        await _refuse_erased(connection, who, users=[user.user_id])
        before = await _version(connection, who, "read_user_version", user.user_id)
        event = UserUpsertedEvent(id=uuid4(), occurred_at=_after(before, now), data=user)
        await _apply(connection, who, event, now)
    return before is None


async def put_flow(database: Database, who: Identity, flow: FlowUpserted, *, now: datetime) -> bool:
    """Name a flow and its steps; return whether it is new."""
    async with _judging(database, who, flow.flow_id) as connection:
        before = await _version(connection, who, "read_flow_version", flow.flow_id)
        event = FlowUpsertedEvent(id=uuid4(), occurred_at=_after(before, now), data=flow)
        await _apply(connection, who, event, now)
    return before is None


async def erase_user(database: Database, who: Identity, user_id: UUID, *, now: datetime) -> None:
    """Erase a person, their sessions and votes, for good."""
    data = UserErased(user_id=user_id)
    await _erase(database, who, UserErasedEvent(id=uuid4(), occurred_at=now, data=data), now)


async def delete_session(
    database: Database, who: Identity, session_id: UUID, *, now: datetime
) -> None:
    """Delete a session and all that belongs to it, for good."""
    data = SessionDeleted(session_id=session_id)
    await _erase(database, who, SessionDeletedEvent(id=uuid4(), occurred_at=now, data=data), now)


async def _erase(database: Database, who: Identity, event: AnyEvent, now: datetime) -> None:
    async with database.writing(who.account_id, alone=True) as connection:
        await _apply(connection, who, event, now)


@asynccontextmanager
async def _judging(database: Database, who: Identity, subject: UUID) -> AsyncIterator[Connection]:
    """Begin a transaction that no other call about the session, user or flow runs beside."""
    async with database.writing(who.account_id) as connection:
        # An id is an id: those of users and flows are locked as those of sessions are.
        subjects = {"account_id": who.account_id, "session_ids": [subject]}
        await connection.execute(SQL["lock_sessions"], subjects)
        yield connection


async def _apply(connection: Connection, who: Identity, event: AnyEvent, now: datetime) -> None:
    alone = need_alone([event])
    try:
        await apply(connection, who.account_id, [event], received_at=now, alone=alone)
    except AloneNeeded:
        # Erased between the judgement and now.
        raise Erased("What this is about was erased.") from None


async def _read_session(connection: Connection, who: Identity, session_id: UUID) -> Session | None:
    key = {"account_id": who.account_id, "session_id": session_id}
    async with connection.cursor(row_factory=class_row(Session)) as cursor:
        return await (await cursor.execute(SQL["read_session"], key)).fetchone()


async def _find_session(connection: Connection, who: Identity, session_id: UUID) -> Session:
    session = await _read_session(connection, who, session_id)
    if session is None:
        raise SessionNotFound("There is no such session.")
    return session


async def _own_session(connection: Connection, who: Identity, session_id: UUID) -> Session:
    session = await _find_session(connection, who, session_id)
    if session.user_id != who.user_id and who.role != "service":
        raise NotYourSession("The session belongs to another user.")
    return session


async def _refuse_erased(
    connection: Connection,
    who: Identity,
    *,
    users: list[UUID],
    sessions: list[UUID] | None = None,
) -> None:
    asked = await ask_erased(connection, who.account_id, users=users, sessions=sessions or [])
    for kind, _ in await asked.erased():
        raise Erased(f"The {kind} was erased.")


async def _version(
    connection: Connection, who: Identity, statement: str, subject: UUID
) -> datetime | None:
    key = {"account_id": who.account_id, "id": subject}
    row = await (await connection.execute(SQL[statement], key)).fetchone()
    return row[0] if row else None


def _after(before: datetime | None, now: datetime) -> datetime:
    """Return a time that beats what stands, even if a fast clock dated that ahead of ours."""
    return now if before is None else max(now, before + TICK)
