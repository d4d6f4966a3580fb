"""All that is held about a person, for the person: a document that can be loaded again."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ingest.audit import PERSONAL, note_reading
from ingest.auth import ADMINS, Identity
from ingest.mart_answers import Stream
from ingest.mart_streams import Streamed
from ingest.openapi import problems
from ingest.problems import Forbidden, UserNotFound
from ingest.schema import Id, Out
from ingest.store.database import Database
from ingest.store.personal_data import Found, Held, find_person, read_held

SESSIONS_AT_ONCE = 200
"""How many are in memory at a time, with all that belongs to them."""


class HeldEvent(Out, frozen=True):
    """Something that is held, as the event that says it."""

    received_at: datetime
    event: dict[str, Any]
    """As `POST /events` and `upshot load` take it."""


class PersonalData(Out, frozen=True):
    """All that is held about a person in an account."""

    account_id: Id
    user_id: Id
    as_of: datetime
    held: list[HeldEvent]
    """Their entry in the directory; then session by session what they did and said."""
    named_in: list[Id]
    """Sessions of others, of which some event said that they were this person's."""


class PersonalDataController(Controller):
    tags = ("Directory",)

    @get(
        "/users/{user_id:uuid}/export",
        operation_id="exportUser",
        summary="All that is held about a person",
        responses=problems(404),
        opt={PERSONAL: "person"},
    )
    async def export(
        self,
        request: Request[Identity, None, Any],
        database: NamedDependency[Database],
        user_id: FromPath[UUID],
    ) -> Response[PersonalData]:
        """Of anybody in the account for admins, of themselves for everybody else.

        As events, which `POST /events` and `upshot load` take in again. It is made while it is
        sent: an answer that ends before its last bracket is not whole.
        """
        who = request.user
        if who.role == "service" or not (who.role in ADMINS or who.user_id == user_id):
            raise Forbidden("Admins read what is held of anybody, others of themselves.")
        found = await find_person(database, who.account_id, user_id)
        if not found.amount:
            raise UserNotFound("Nothing is held about such a person.")
        note_reading(request, found.amount, user_id=user_id)

        @asynccontextmanager
        async def opened() -> AsyncIterator[Stream]:
            async with aclosing(document(database, who.account_id, user_id, found)) as pieces:
                yield Stream(etag=None, meta=None, pieces=pieces)

        answer = Streamed(opened, "application/json", lambda _: {})
        return cast("Response[PersonalData]", answer)


async def document(
    database: Database, account_id: UUID, user_id: UUID, found: Found
) -> AsyncGenerator[bytes, None]:
    """Make the document, a piece at a time."""
    head = msgspec.json.encode(
        {"account_id": account_id, "user_id": user_id, "as_of": datetime.now(UTC)}
    )
    yield head.removesuffix(b"}") + b',"held":['
    separator = b""
    async for some in held_about(database, account_id, user_id, found):
        yield separator + b",\n".join(map(msgspec.json.encode, some))
        separator = b",\n"
    yield b'],"named_in":' + msgspec.json.encode(found.named) + b"}\n"


async def held_about(
    database: Database, account_id: UUID, user_id: UUID, found: Found
) -> AsyncGenerator[list[Held], None]:
    """Read what is held, some at a time, and none of it twice."""
    if found.user is not None:
        yield [found.user]
    for own in _parts(found.own):
        if held := await read_held(database, account_id, user_id, own=own):
            yield held
    for voted in _parts(found.voted):
        if held := await read_held(database, account_id, user_id, voted=voted):
            yield held


def _parts(session_ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for first in range(0, len(session_ids), SESSIONS_AT_ONCE):
        yield session_ids[first : first + SESSIONS_AT_ONCE]
