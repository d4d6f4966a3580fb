"""Batches of events: each id counts once per account for ever, each item is answered alone."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import psycopg
from psycopg.errors import DeadlockDetected, SerializationFailure

from ingest.problems import EventIdReused, Problem, Unavailable
from ingest.schema import AnyEvent
from ingest.store.apply import AloneNeeded, apply, need_alone
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
    alone = need_alone(events)
    for attempt in range(ATTEMPTS):
        try:
            async with database.writing(account_id, alone=alone) as connection:
                return await _store(connection, account_id, events, received_at, alone=alone)
        except AloneNeeded:
            alone = True
        except Unavailable as error:
            lost_a_race = isinstance(error.__cause__, DeadlockDetected | SerializationFailure)
            if not lost_a_race or attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.01 * 2**attempt)
    raise Unavailable("Other writers of the account kept this one from its turn.")


async def _store(
    connection: Connection,
    account_id: UUID,
    events: Sequence[AnyEvent],
    received_at: datetime,
    *,
    alone: bool,
) -> list[Outcome]:
    try:
        async with connection.transaction():
            return await _take(connection, account_id, events, received_at, alone=alone)
    except REFUSALS:
        # Somewhere in it is an event that the database refuses: let each stand for itself.
        outcomes: list[Outcome] = []
        for event in events:
            try:
                async with connection.transaction():
                    outcomes += await _take(
                        connection, account_id, [event], received_at, alone=alone
                    )
            except REFUSALS:
                outcomes.append(Unavailable("The database could not take this event."))
        return outcomes


async def _take(
    connection: Connection,
    account_id: UUID,
    events: Sequence[AnyEvent],
    received_at: datetime,
    *,
    alone: bool,
) -> list[Outcome]:
    hashes: dict[UUID, bytes] = {}
    for event in events:
        hashes.setdefault(event.id, payload_hash(event))
    common = {"account_id": account_id, "received_at": received_at}
    rows = await (
        await connection.execute(
            SQL["register_events"],
            common | {"event_ids": list(hashes), "payload_hashes": list(hashes.values())},
        )
    ).fetchall()
    created = {event_id for (event_id,) in rows}
    if len(created) < len(hashes):
        known = [event_id for event_id in hashes if event_id not in created]
        rows = await (
            await connection.execute(SQL["read_event_hashes"], common | {"event_ids": known})
        ).fetchall()
        hashes |= {event_id: bytes(stored) for event_id, stored in rows}

    outcomes: list[Outcome] = []
    fresh: list[AnyEvent] = []
    for event in events:
        if hashes[event.id] != payload_hash(event):
            outcomes.append(EventIdReused("This event id came before with another payload."))
        elif event.id in created:
            created.discard(event.id)
            fresh.append(event)
            outcomes.append(True)
        else:
            outcomes.append(False)
    if fresh:
        await apply(connection, account_id, fresh, received_at=received_at, alone=alone)
    return outcomes


def payload_hash(event: AnyEvent) -> bytes:
    """Return 16 bytes that tell payloads apart, whatever their spacing or order of fields."""
    return hashlib.blake2b(msgspec.json.encode(event), digest_size=16).digest()
