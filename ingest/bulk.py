"""Events by the million: the way that `POST /events` takes, in larger transactions.

A chunk is read and judged in a thread while the database stores the one before. One transaction
takes well under a second, so that nobody who writes the same account waits for long.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from ingest.events import Counts
from ingest.garbage import looking_rarely
from ingest.problems import Problem, Unavailable
from ingest.schema import AnyEvent
from ingest.settings import Settings
from ingest.store.batches import Outcome, store_events
from ingest.store.database import Database

MOST_EVENTS = 10_000
"""In a transaction. More of them are no faster."""

ATTEMPTS = 3
"""How often an event that the database refuses is offered to it."""

WAITS_SECONDS = (1, 4, 10)
"""Before the database is asked again, when it is away or the account's writers are in the way."""

Rejected = Callable[[int, Problem], None]
"""Called with the number of an item that was not accepted, and why."""


class Chunk(NamedTuple):
    """Items for one transaction, in the order they came in."""

    account_id: UUID
    numbers: Sequence[int]
    judged: Sequence[AnyEvent | Problem]
    progress: int
    """How far it takes the bar."""


@asynccontextmanager
async def opened(settings: Settings, url: str) -> AsyncIterator[Database]:
    """A database for the time of a command.

    Raises:
        Unavailable: it cannot be reached, or is not migrated.

    """
    database = Database(url, size=settings.pool_size)
    await database.open(wait=True)
    try:
        await database.check()
        yield database
    finally:
        await database.close()


async def take_in_bulk(
    database: Database,
    chunks: Iterator[Chunk],
    *,
    rejected: Rejected,
    advance: Callable[[int], None],
) -> Counts:
    """Take chunks in, one after the other, and count what became of their items.

    Args:
        database: open.
        chunks: made one at a time, in a thread.
        rejected: told of each item that was not accepted.
        advance: told of each chunk's progress once it is stored.

    Raises:
        Unavailable: the database is away; earlier chunks are stored.

    """
    total = Counts()
    # Very many objects live for a moment here, and none is part of a circle.
    with looking_rarely(1_000_000):
        coming = asyncio.ensure_future(asyncio.to_thread(next, chunks, None))
        try:
            while chunk := await coming:
                coming = asyncio.ensure_future(asyncio.to_thread(next, chunks, None))
                outcomes = await _store(database, chunk)
                for number, outcome in zip(chunk.numbers, outcomes, strict=True):
                    if isinstance(outcome, Problem):
                        rejected(number, outcome)
                total += _count(outcomes)
                advance(chunk.progress)
        finally:
            # Whatever it reads from stays open until it is done.
            await asyncio.wait([coming])
    return total


async def _store(database: Database, chunk: Chunk) -> list[Outcome]:
    """Return what became of each item; what fails for our reasons has had its attempts."""
    outcomes: list[Outcome] = [
        each if isinstance(each, Problem) else False for each in chunk.judged
    ]
    due = [
        (place, each) for place, each in enumerate(chunk.judged) if not isinstance(each, Problem)
    ]
    for _ in range(ATTEMPTS):
        if not due:
            break
        stored = await _patiently(database, chunk.account_id, [event for _, event in due])
        for (place, _), outcome in zip(due, stored, strict=True):
            outcomes[place] = outcome
        due = [each for each in due if isinstance(outcomes[each[0]], Unavailable)]
    return outcomes


async def _patiently(
    database: Database, account_id: UUID, events: Sequence[AnyEvent]
) -> list[Outcome]:
    for seconds in WAITS_SECONDS:
        try:
            return await store_events(database, account_id, events, datetime.now(UTC))
        except Unavailable:
            await asyncio.sleep(seconds)
    return await store_events(database, account_id, events, datetime.now(UTC))


def _count(outcomes: Sequence[Outcome]) -> Counts:
    created = sum(outcome is True for outcome in outcomes)
    duplicate = sum(outcome is False for outcome in outcomes)
    return Counts(
        created=created, duplicate=duplicate, rejected=len(outcomes) - created - duplicate
    )
