"""`upshot load` and the demo: events in bulk, by the way that `POST /events` takes."""

import asyncio
import gzip
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from io import BufferedReader
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple, TypeVar, cast
from uuid import UUID

import msgspec

from ingest.console import Console
from ingest.demo import demo_events
from ingest.events import Counts, ItemResult, Sender, split_array, take
from ingest.problems import MalformedBody
from ingest.schema import AnyEvent
from ingest.settings import Settings
from ingest.store.database import Database

T = TypeVar("T")

STDIN = Path("-")
GZIP_MAGIC = b"\x1f\x8b"
BLANK = b" \t\r\n"
ATTEMPTS = 3


class Unreadable(Exception):
    """A file that cannot be read; the message is one sentence."""


class Item(NamedTuple):
    """An item of a file, with its number there, from 1: its line, or its place in the array."""

    number: int
    text: bytes


Rejected = Callable[[int, str], None]
"""Called with the number of an item that was not accepted, and why."""


@asynccontextmanager
async def opened(settings: Settings, url: str) -> AsyncIterator[Database]:
    """A database for the time of a command."""
    database = Database(url, size=settings.pool_size)
    await database.open(wait=True)
    try:
        yield database
    finally:
        await database.close()


def read_items(file: BufferedReader, name: str) -> Iterator[Item]:
    """Yield the items of an NDJSON file or of a JSON array, gzipped or not.

    Raises:
        Unreadable: it is neither; what came before has been yielded.

    """
    try:
        if file.peek(2)[:2] == GZIP_MAGIC:
            file = BufferedReader(gzip.GzipFile(fileobj=file))
        if file.peek(1).lstrip(BLANK)[:1] == b"[":
            texts: Iterable[bytes] = split_array(file.read())
        else:
            texts = file
        for number, text in enumerate(texts, 1):
            if item := text.strip(BLANK):
                yield Item(number, item)
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable(f"{name} cannot be read: {error}.") from None
    except MalformedBody as error:
        raise Unreadable(f"{name} is not an array of events: {error.detail}") from None


async def load(
    database: Database,
    settings: Settings,
    sender: Sender,
    items: Iterable[Item],
    *,
    rejected: Rejected,
    advance: Callable[[int], None],
) -> Counts:
    """Take items in, batch by batch, and count what became of them.

    Args:
        database, settings, sender: as `ingest.events.take` has them.
        items: in any number; a batch is taken in before the next is read.
        rejected: told of each item that was not accepted.
        advance: told after each batch how many items it had.

    Raises:
        Unavailable: the database is away; earlier batches are stored.

    """
    total = Counts()
    for batch in _batches(items, settings.max_batch_items):
        results = await _take_patiently(database, settings, sender, [item.text for item in batch])
        for item, result in zip(batch, results, strict=True):
            if result.problem:
                rejected(item.number, _reason(result))
        total += _count(results)
        advance(len(batch))
    return total


def load_files(
    settings: Settings, url: str, account_id: UUID, paths: Sequence[Path], console: Console
) -> Counts:
    """Load files into an account, saying how it goes and what is rejected.

    Raises:
        Unreadable: a file cannot be read; what came before is stored.
        Unavailable: the database is away; earlier batches are stored.

    """

    async def run() -> Counts:
        total = Counts()
        async with opened(settings, url) as database:
            for path in paths:
                name = "standard input" if path == STDIN else str(path)

                def rejected(number: int, reason: str, name: str = name) -> None:
                    console.say(f"{name}:{number}: {reason}")

                with _open(path, name) as file, console.bar(f"Loading {name}", None) as advance:
                    counts = await load(
                        database,
                        settings,
                        Sender(account_id=account_id),
                        read_items(file, name),
                        rejected=rejected,
                        advance=advance,
                    )
                total += counts
        return total

    return asyncio.run(run())


def make_demo(
    settings: Settings,
    url: str,
    console: Console,
    *,
    sessions: int | None = None,
    seed: int = 1,
) -> Counts:
    """Fill the database with the demo's accounts, or go on where that was interrupted."""
    marker = _demo_marker(settings)
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
                return await load_demo(database, settings, events, advance=advance)

    counts = asyncio.run(run())
    marker.unlink()
    return counts


class _Story(msgspec.Struct):
    """What the demo follows from: told again, it is the same events."""

    now: datetime
    sessions: int
    seed: int


def demo_is_unfinished(settings: Settings) -> bool:
    """Say whether making the demo was interrupted."""
    return _demo_marker(settings).exists()


def _demo_marker(settings: Settings) -> Path:
    return settings.home / "demo-unfinished.json"


async def load_demo(
    database: Database,
    settings: Settings,
    events: Iterable[tuple[UUID, AnyEvent]],
    *,
    advance: Callable[[int], None],
) -> Counts:
    """Take the demo's events in, account by account; `advance` is told of sessions started."""
    total = Counts()
    for account_id, of_account in groupby(events, key=lambda pair: pair[0]):
        for batch in _batches((event for _, event in of_account), settings.max_batch_items):
            texts = [msgspec.json.encode(event) for event in batch]
            sender = Sender(account_id=account_id)
            results = await _take_patiently(database, settings, sender, texts)
            total += _count(results)
            advance(sum(b'"session.started"' in text for text in texts))
    return total


async def _take_patiently(
    database: Database, settings: Settings, sender: Sender, texts: list[bytes]
) -> list[ItemResult]:
    """Take a batch; what failed for our reasons is sent again before it counts as rejected."""
    results = (await take(database, settings, sender, texts, now=datetime.now(UTC))).items
    for _ in range(ATTEMPTS - 1):
        again = [index for index, result in enumerate(results) if result.result == "retry"]
        if not again:
            break
        retried = [texts[index] for index in again]
        answer = await take(database, settings, sender, retried, now=datetime.now(UTC))
        for index, result in zip(again, answer.items, strict=True):
            results[index] = result
    return results


@contextmanager
def _open(path: Path, name: str) -> Iterator[BufferedReader]:
    if path == STDIN:
        yield cast("BufferedReader", sys.stdin.buffer)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise Unreadable(f"{name} cannot be read: {error.strerror}.") from None
    with file:
        yield file


def _count(results: list[ItemResult]) -> Counts:
    tally = [result.result for result in results]
    return Counts(
        created=tally.count("created"),
        duplicate=tally.count("duplicate"),
        rejected=tally.count("rejected") + tally.count("retry"),
    )


def _reason(result: ItemResult) -> str:
    problem = result.problem
    if not problem:
        return ""
    pointers = [error.pointer for error in problem.errors or () if error.pointer]
    return f"{problem.detail} ({', '.join(pointers)})" if pointers else problem.detail


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
