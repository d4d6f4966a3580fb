"""`upshot load`: files of events in bulk, judged and stored as `POST /events` does."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from ingest.bulk import MOST_EVENTS, Chunk, opened, take_in_bulk
from ingest.console import Console
from ingest.event_files import EventFile, Item, Unreadable
from ingest.event_files import opened as opened_file
from ingest.events import Counts, Sender, judge
from ingest.problems import Problem
from ingest.settings import Settings

MOST_BYTES = 16_000_000
"""Of a chunk: what is in memory is bounded, whatever the file's size."""


def load_files(
    settings: Settings, url: str, account_id: UUID, paths: Sequence[Path], console: Console
) -> Counts:
    """Load files into an account, saying how it goes and what is rejected.

    Raises:
        Unreadable: a file cannot be read; what came before is stored.
        Unavailable: the database is away; earlier chunks are stored.

    """

    async def run() -> Counts:
        total = Counts()
        async with opened(settings, url) as database:
            zones = await database.time_zones()
            for path in paths:
                with opened_file(path) as file, console.file_bar(file.name, file.size) as advance:

                    def rejected(number: int, problem: Problem, name: str = file.name) -> None:
                        console.say(f"{name}:{number}: {_reason(problem)}")

                    total += await take_in_bulk(
                        database,
                        _chunks(file, settings, Sender(account_id=account_id), zones),
                        rejected=rejected,
                        advance=advance,
                    )
        return total

    return asyncio.run(run())


def _chunks(
    file: EventFile, settings: Settings, sender: Sender, zones: frozenset[str]
) -> Iterator[Chunk]:
    before = 0
    for items in _parts(file.items(settings.max_item_bytes)):
        judged = judge([item.text for item in items], settings, sender, zones, datetime.now(UTC))
        after = file.position or before + len(items)
        yield Chunk(sender.account_id, [item.number for item in items], judged, after - before)
        before = after


def _parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Cut what may be very long; where it breaks off, what came before is a part, too."""
    part: list[Item] = []
    size = 0
    failure: Unreadable | None = None
    try:
        for item in items:
            part.append(item)
            size += len(item.text)
            if len(part) == MOST_EVENTS or size > MOST_BYTES:
                yield part
                part, size = [], 0
    except Unreadable as error:
        failure = error
    if part:
        yield part
    if failure:
        raise failure


def _reason(problem: Problem) -> str:
    pointers = [error.pointer for error in problem.errors if error.pointer]
    return f"{problem.detail} ({', '.join(pointers)})" if pointers else problem.detail
