"""Filling a database with the demo, from where an interruption left it."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby, islice
from pathlib import Path
from uuid import UUID

import msgspec

from ingest.bulk import MOST_EVENTS, Chunk, opened, take_in_bulk
from ingest.console import Console
from ingest.demo import demo_events
from ingest.events import Counts
from ingest.problems import Problem
from ingest.schema import AnyEvent, SessionStartedEvent
from ingest.settings import Settings
from ingest.store.database import Database


class _Story(msgspec.Struct):
    """What the demo follows from: told again, it is the same events."""

    now: datetime
    sessions: int
    seed: int


def make_demo(
    settings: Settings,
    url: str,
    console: Console,
    *,
    sessions: int | None = None,
    seed: int = 1,
) -> Counts:
    """Fill the database with the demo's accounts, or go on where that was interrupted."""
    marker = _marker(settings)
    if marker.exists():
        story = msgspec.json.decode(marker.read_bytes(), type=_Story)
    else:
        story = _Story(
            now=datetime.now(UTC), sessions=sessions or settings.demo_sessions, seed=seed
        )
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_bytes(msgspec.json.encode(story))
    events = demo_events(now=story.now, sessions=story.sessions, seed=story.seed)

    async def run() -> Counts:
        async with opened(settings, url) as database:
            with console.bar("Making demo data", story.sessions) as advance:
                return await load_demo(database, events, advance=advance)

    counts = asyncio.run(run())
    marker.unlink()
    return counts


def demo_is_unfinished(settings: Settings) -> bool:
    """Say whether making the demo was interrupted."""
    return _marker(settings).exists()


async def load_demo(
    database: Database,
    events: Iterable[tuple[UUID, AnyEvent]],
    *,
    advance: Callable[[int], None],
) -> Counts:
    """Take the demo's events in, account by account; `advance` is told of sessions started."""

    def rejected(_: int, problem: Problem) -> None:
        raise problem

    return await take_in_bulk(database, _chunks(events), rejected=rejected, advance=advance)


def _chunks(events: Iterable[tuple[UUID, AnyEvent]]) -> Iterator[Chunk]:
    for account_id, of_account in groupby(events, key=lambda pair: pair[0]):
        while told := [event for _, event in islice(of_account, MOST_EVENTS)]:
            started = sum(isinstance(event, SessionStartedEvent) for event in told)
            yield Chunk(account_id, range(len(told)), told, started)


def _marker(settings: Settings) -> Path:
    return settings.home / "demo-unfinished.json"
