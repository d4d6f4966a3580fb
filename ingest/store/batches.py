"""Batches of events: each id counts once per account for ever, each item is answered alone."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import psycopg
from psycopg.errors import DeadlockDetected, SerializationFailure

from ingest.problems import EventIdReused, Problem, Unavailable
from ingest.schema import AnyEvent
from ingest.store.apply import AloneNeeded, apply, ask_erasures, need_alone
from ingest.store.arrays import Bytes, Uuids
from ingest.store.database import Connection, Database
from ingest.store.statements import SQL

Outcome = bool | Problem
"""True: created. False: the same again. A problem: not accepted."""

ATTEMPTS = 4

REFUSALS = (psycopg.DataError, psycopg.IntegrityError, psycopg.InternalError)
"""What the database says of a row that it does not take, rather than of its own state."""


async def store_events(
    database: Database, account_id: UUID, events: Sequence[AnyEvent], received_at: datetime
) -> list[Outcome]:
    """Store events of one account in one transaction, and say of each what became of it.

    An event that fails for our reasons is rolled back alone, as Unavailable.

    Raises:
        Unavailable: nothing was stored.

    """
    try:
        return await _in_turn(database, account_id, events, received_at, _take)
    except REFUSALS:
        return await _in_turn(database, account_id, events, received_at, _take_apart)


_Taking = Callable[..., Awaitable[list[Outcome]]]


async def _in_turn(
    database: Database,
    account_id: UUID,
    events: Sequence[AnyEvent],
    received_at: datetime,
    taking: _Taking,
) -> list[Outcome]:
    """Take events in one transaction, however often another writer undoes it."""
    alone = need_alone(events)
    for attempt in range(ATTEMPTS):
        try:
            async with database.writing(account_id, alone=alone) as connection:
                return await taking(connection, account_id, events, received_at, alone=alone)
        except AloneNeeded:
            alone = True
        except Unavailable as error:
            lost_a_race = isinstance(error.__cause__, DeadlockDetected | SerializationFailure)
            if not lost_a_race or attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.01 * 2**attempt)
    raise Unavailable("Other writers of the account kept this one from its turn.")


async def _take_apart(
    connection: Connection,
    account_id: UUID,
    events: Sequence[AnyEvent],
    received_at: datetime,
    *,
    alone: bool,
) -> list[Outcome]:
    """Take events of which the database refuses some: halve them until those stand alone."""
    try:
        async with connection.transaction():
            return await _take(connection, account_id, events, received_at, alone=alone)
    except REFUSALS:
        if len(events) == 1:
            return [Unavailable("The database could not take this event.")]
    middle = len(events) // 2
    outcomes: list[Outcome] = []
    for half in (events[:middle], events[middle:]):
        outcomes += await _take_apart(connection, account_id, half, received_at, alone=alone)
    return outcomes


async def _take(
    connection: Connection,
    account_id: UUID,
    events: Sequence[AnyEvent],
    received_at: datetime,
    *,
    alone: bool,
) -> list[Outcome]:
    hashes = [payload_hash(event) for event in events]
    first: dict[UUID, bytes] = {}
    for event, own in zip(events, hashes, strict=True):
        first.setdefault(event.id, own)
    common = {"account_id": account_id, "received_at": received_at}
    offered = {"event_id": Uuids(first), "payload_hash": Bytes(first.values())}
    registered = await connection.execute(SQL["register_events"], common | offered)
    # In the same round trip, though not all of these may be new.
    asked = await ask_erasures(connection, account_id, events)
    known = [event_id for (event_id,) in await registered.fetchall()]
    if not known and len(first) == len(events):
        fresh = events
        outcomes: list[Outcome] = [True] * len(events)
    else:
        if known:
            read = await connection.execute(
                SQL["read_event_hashes"], common | {"event_ids": Uuids(known)}
            )
            first |= {event_id: bytes(stored) for event_id, stored in await read.fetchall()}
        fresh, outcomes = _tell_apart(events, hashes, first, set(first) - set(known))
    if fresh:
        await apply(
            connection, account_id, fresh, received_at=received_at, alone=alone, asked=asked
        )
    return outcomes


def _tell_apart(
    events: Sequence[AnyEvent],
    hashes: Sequence[bytes],
    first: dict[UUID, bytes],
    unseen: set[UUID],
) -> tuple[list[AnyEvent], list[Outcome]]:
    """Return the events that are new, and what became of each.

    Args:
        events: as they came.
        hashes: theirs.
        first: of each id, the hash that it came with first.
        unseen: the ids that came for the first time.
    """
    fresh: list[AnyEvent] = []
    outcomes: list[Outcome] = []
    for event, own in zip(events, hashes, strict=True):
        if own != first[event.id]:
            outcomes.append(EventIdReused("This event id came before with another payload."))
        elif event.id in unseen:
            unseen.discard(event.id)
            fresh.append(event)
            outcomes.append(True)
        else:
            outcomes.append(False)
    return fresh, outcomes


def payload_hash(event: AnyEvent) -> bytes:
    """Return 16 bytes that tell payloads apart, whatever their spacing or order of fields."""
    return hashlib.blake2b(msgspec.json.encode(event), digest_size=16).digest()
