"""`upshot sync`: copies what changed in an application's database since the last time.

dlt reads the rows, remembers how far it came, and keeps on disk what it has read and not stored
yet: whatever ends it, the next sync goes on from there. What is stored twice counts once.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from ingest.bulk import MOST_EVENTS, Chunk, opened, take_in_bulk
from ingest.console import Console
from ingest.events import Counts, Sender, judge
from ingest.problems import Problem, Unavailable
from ingest.settings import Settings, SettingsError
from ingest.store.operations import connected
from ingest.store.statements import SQL
from ingest.sync.mapping import Mapping, Stream
from ingest.sync.rows import to_event

if TYPE_CHECKING:
    import dlt

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
CONNECT_SECONDS = 10


class Item(msgspec.Struct, frozen=True):
    """A row as it lies on disk between reading and storing."""

    account_id: UUID
    event: str
    changed_at: datetime


class Copied(msgspec.Struct, frozen=True):
    """What became of the rows of one stream."""

    stream: str
    counts: Counts


def copy(
    settings: Settings, url: str, mapping: Mapping, source: str, console: Console, *, again: bool
) -> list[Copied]:
    """Copy what changed since the last sync, and return what became of it by stream.

    Args:
        settings: where it is remembered how far the last sync came.
        url: of Upshot's database.
        mapping: what is read.
        source: the URL of the application's database.
        console: told how it goes, and of each row that is not accepted.
        again: read everything, as if there had been no sync before.

    Raises:
        SettingsError: a database cannot be reached, a query fails, or another sync is under way.
            What was stored before stays, and the next sync goes on from there.
    """
    with _alone(url), _pipeline(settings, url, mapping, console) as (pipeline, copied):
        if again:
            pipeline.drop()
        if pipeline.has_pending_data:
            _finish(pipeline, console)
        with console.bar("Reading", None) as advance:
            _step(
                lambda: pipeline.extract(
                    [_resource(stream, mapping, source, console, advance)
                     for stream in mapping.streams]
                )
            )  # fmt: skip
        _finish(pipeline, console)
    return [Copied(stream.name, copied.get(stream.name, Counts())) for stream in mapping.streams]


@contextmanager
def _alone(url: str) -> Iterator[None]:
    with connected(url, "upshot_writer") as connection:
        if connection.execute(SQL["lock_sync"]).fetchone() != (True,):
            raise SettingsError("Another sync into this database is under way.")
        yield


@contextmanager
def _pipeline(
    settings: Settings, url: str, mapping: Mapping, console: Console
) -> "Iterator[tuple[dlt.Pipeline, dict[str, Counts]]]":
    folder = settings.home / "sync"
    folder.mkdir(parents=True, exist_ok=True)
    _configure(folder)
    import dlt  # noqa: PLC0415 - takes a second, which no other command is to wait for

    copied: dict[str, Counts] = {}
    streams = {stream.name for stream in mapping.streams}

    def take_in(items: Sequence[dict[str, Any]], table: dict[str, Any]) -> None:
        name = table["name"]
        rows = msgspec.convert(items, list[Item], strict=False)
        counts = asyncio.run(_store(settings, url, name, rows, console))
        copied[name] = copied.get(name, Counts()) + counts

    # What dlt hands over is typed by no schema of its own.
    receiver: Any = take_in
    destination = dlt.destination(
        receiver,
        batch_size=MOST_EVENTS,
        loader_file_format="typed-jsonl",
        name="upshot",
        naming_convention="direct",
        # One after the other: names before what they name, and one bar.
        loader_parallelism_strategy="sequential",
    )
    pipeline = dlt.pipeline(
        "_".join(["sync", *sorted(streams)])[:60],
        pipelines_dir=str(folder),
        destination=destination,
        dataset_name="upshot",
    )
    yield pipeline, copied


def _configure(folder: Path) -> None:
    """Set what dlt reads from the environment: it calls nobody, and keeps its files here."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    os.environ["DLT_DATA_DIR"] = str(folder)


def _resource(
    stream: Stream,
    mapping: Mapping,
    source: str,
    console: Console,
    advance: Callable[[int], None],
) -> Any:
    import dlt  # noqa: PLC0415 - see above

    def rows(
        changed: "dlt.sources.incremental[datetime]" = dlt.sources.incremental(  # noqa: B008
            "changed_at", initial_value=BEGINNING, lag=float(mapping.reread_seconds)
        ),
    ) -> Iterator[list[dict[str, Any]]]:
        since = changed.last_value or BEGINNING
        for part in _read(source, stream, since):
            items = []
            for row in part:
                try:
                    event = to_event(stream, row)
                except Problem as problem:
                    console.say(f"{stream.name}: {_shown(row)}: {_reason(problem)}")
                    continue
                items.append(
                    {
                        "account_id": str(event.account_id),
                        "event": event.event.decode(),
                        "changed_at": row["changed_at"],
                    }
                )
            advance(len(part))
            yield items

    return dlt.resource(rows, name=stream.name, write_disposition="append")


def _read(source: str, stream: Stream, since: datetime) -> Iterator[list[dict[str, Any]]]:
    """Read the rows of a stream that changed since, oldest first, some thousands at a time."""
    try:
        with psycopg.connect(source, connect_timeout=CONNECT_SECONDS) as connection:
            connection.read_only = True
            # Whatever that database writes days like.
            connection.execute("set DateStyle = 'ISO'")
            query = sql.SQL(
                "select * from ({}) as changed where changed_at >= {} order by changed_at"
            ).format(_as_it_is(stream.sql), since)
            with connection.cursor("upshot_sync", row_factory=dict_row) as cursor:
                cursor.execute(query)
                while part := cursor.fetchmany(MOST_EVENTS):
                    yield part
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise SettingsError(f"The rows of {stream.name} cannot be read: {reason}.") from None


def _as_it_is(text: str) -> sql.SQL:
    """Return the query of a mapping: whoever writes that has the application's database anyway."""
    return sql.SQL(text.rstrip().rstrip(";"))


async def _store(
    settings: Settings, url: str, name: str, rows: Sequence[Item], console: Console
) -> Counts:
    def rejected(number: int, problem: Problem) -> None:
        console.say(f"{name}: {rows[number].event}: {_reason(problem)}")

    async with opened(settings, url) as database:
        zones = await database.time_zones()

        def chunks() -> Iterator[Chunk]:
            for account_id in dict.fromkeys(row.account_id for row in rows):
                numbers = [place for place, row in enumerate(rows) if row.account_id == account_id]
                judged = judge(
                    [rows[number].event.encode() for number in numbers],
                    settings, Sender(account_id=account_id), zones, datetime.now(UTC),
                )  # fmt: skip
                yield Chunk(account_id, numbers, judged, len(numbers))

        return await take_in_bulk(database, chunks(), rejected=rejected, advance=lambda _: None)


def _finish(pipeline: "dlt.Pipeline", console: Console) -> None:
    """Store what has been read."""
    with console.spinner("Storing"):
        _step(pipeline.normalize)
        _step(pipeline.load)


def _step(step: Callable[[], object]) -> None:
    """Run a step of dlt's, and say in its own words what went wrong."""
    from dlt.pipeline.exceptions import PipelineStepFailed  # noqa: PLC0415 - see above

    try:
        step()
    except PipelineStepFailed as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, SettingsError | Unavailable):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise
        message = cause.detail if isinstance(cause, Problem) else str(cause)
        raise SettingsError(message or "The database is away.") from None


def _shown(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in row if name.endswith("_id"))


def _reason(problem: Problem) -> str:
    pointers = [error.pointer for error in problem.errors if error.pointer]
    return f"{problem.detail} ({', '.join(pointers)})" if pointers else problem.detail
