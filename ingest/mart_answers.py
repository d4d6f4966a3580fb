"""Answers about the rows of a mart: pages, which are kept, and streams."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from ingest.catalog import Catalog, Column
from ingest.checks import warnings_of
from ingest.etags import is_known, weak_etag
from ingest.mart_formats import ENCODERS, Encoder, as_objects, encode_json
from ingest.mart_query import MartQuery
from ingest.problems import Unavailable
from ingest.schema import Out
from ingest.store.database import Database
from ingest.store.kept import KeptBytes
from ingest.store.mart_rows import Row, lock_statement, read_in_batches, read_page, read_total
from ingest.store.reads import MOST_CHANGES, Moment, read_moment, summed_up

MOST_BYTES_KEPT = 64_000_000


class MartMeta(Out, frozen=True):
    """How to read the rows beside it."""

    as_of: datetime
    """The moment whose state the rows show."""
    data_through: datetime | None
    """When the newest event in them was received."""
    pending: int
    """How many sessions had changed since the last refresh, and were recomputed for this answer."""
    time_zone: str
    """Where the account's days are days."""
    warnings: list[str]
    next_cursor: str | None
    """What `cursor` is for the next page; null on the last."""
    total: int | None
    """How many rows all pages have together, if that was asked for."""


class MartPage(Out, frozen=True):
    data: msgspec.Raw
    meta: MartMeta


class Asked(Struct, frozen=True, kw_only=True):
    """Who asks for what, and what they have already."""

    account_id: UUID
    role: str
    query: MartQuery
    catalog: Catalog
    """In which the mart was found."""
    format: str
    if_none_match: str | None

    @property
    def columns(self) -> list[Column]:
        by_name = self.query.mart.by_name
        return [by_name[name] for name in self.query.columns]

    def state(self, moment: Moment) -> Any:
        """Return what tells two answers apart; nothing where nothing does."""
        stays_for = self.query.mart.stays_for
        if not moment.is_told_apart or stays_for is None:
            return None
        until = moment.minute if stays_for == "minute" else moment.today
        return moment.state, until, self.catalog.fingerprint

    def etag(self, moment: Moment) -> str | None:
        state = self.state(moment)
        if state is None:
            return None
        return weak_etag(state, self.query.identity, self.format, self.account_id, self.role)


class Answer(Struct, frozen=True, kw_only=True):
    """An answer that is ready to be sent."""

    etag: str | None
    body: bytes | None
    """None for whoever has it already."""
    meta: MartMeta | None = None


class Stream(Struct, frozen=True, kw_only=True):
    """An answer that is made while it is sent; the pieces may be empty."""

    etag: str | None
    meta: MartMeta | None
    pieces: AsyncIterator[bytes] | None
    """None for whoever has it already."""


class _Made(Struct, frozen=True):
    """What of a page is the same until its state changes."""

    body: bytes
    """The rows; as JSON, the list alone."""
    next_cursor: str | None
    total: int | None
    moment: Moment


class MartAnswers:
    """Answers from the database, or what was answered for the same state."""

    def __init__(self, database: Database, *, most_streams: int) -> None:
        """Prepare.

        Args:
            database: to read.
            most_streams: at once; each has a connection of the pool for as long as it lasts.
        """
        self._database = database
        self._kept = KeptBytes(MOST_BYTES_KEPT)
        self._most_streams = most_streams
        self._streams = 0

    async def page(self, asked: Asked) -> Answer:
        """Answer with a page of rows.

        Raises:
            Unavailable: the database cannot be asked, or it takes too long.
        """
        key = (asked.account_id, asked.query.identity, asked.format)
        async with self._database.reading(asked.account_id) as connection:
            moment = await read_moment(connection, asked.account_id)
            etag = asked.etag(moment)
            if etag is not None and is_known(asked.if_none_match, etag):
                return Answer(etag=etag, body=None)
            made = self._kept.find(key, asked.state(moment))
            if made is None:
                async with self._database.snapshot(
                    connection, lock=lock_statement(asked.query.mart)
                ):
                    moment = await read_moment(connection, asked.account_id)
                    page = await read_page(connection, asked.account_id, asked.query)
                    total = await self._total(connection, asked)
                    moment = await summed_up(connection, asked.account_id, moment, from_raw=False)
                etag = asked.etag(moment)
            else:
                moment = moment.as_in(made.moment)
        if made is None:
            # Others are answered while this is encoded.
            body = await asyncio.to_thread(_encoded, asked, page.rows)
            cursor = (
                None
                if page.next_after is None
                else asked.query.cursor_after(asked.account_id, page.next_after)
            )
            made = _Made(body, cursor, total, moment)
            if etag is not None:
                self._kept.keep(key, asked.state(moment), made, len(body))
        meta = _meta(asked, moment, next_cursor=made.next_cursor, total=made.total)
        body = made.body
        if asked.format == "json":
            body = encode_json(MartPage(data=msgspec.Raw(body), meta=meta))
        return Answer(etag=etag, body=body, meta=meta)

    @asynccontextmanager
    async def stream(self, asked: Asked) -> AsyncIterator[Stream]:
        """Answer with all rows, of one snapshot, while the block lasts.

        Raises:
            Unavailable: the database cannot be asked, or too many are streamed already.
        """
        encoder = ENCODERS[asked.format]
        if self._streams >= self._most_streams:
            raise Unavailable("As many marts as can be are being streamed: try again later.")
        self._streams += 1
        try:
            async with (
                self._database.reading(asked.account_id) as connection,
                self._database.snapshot(connection, lock=lock_statement(asked.query.mart)),
            ):
                moment = await read_moment(connection, asked.account_id)
                etag = asked.etag(moment)
                if etag is not None and is_known(asked.if_none_match, etag):
                    yield Stream(etag=etag, meta=None, pieces=None)
                    return
                moment = await summed_up(connection, asked.account_id, moment, from_raw=False)
                total = await self._total(connection, asked)
                meta = _meta(asked, moment, next_cursor=None, total=total)
                batches = read_in_batches(connection, asked.account_id, asked.query)
                async with aclosing(batches), aclosing(_pieces(asked, batches, encoder)) as pieces:
                    yield Stream(etag=etag, meta=meta, pieces=pieces)
        finally:
            self._streams -= 1

    async def _total(self, connection: Any, asked: Asked) -> int | None:
        if not asked.query.wants_total:
            return None
        return await read_total(connection, asked.account_id, asked.query)


async def _pieces(
    asked: Asked,
    batches: AsyncIterator[Sequence[Row]],
    make_encoder: Callable[[Sequence[Column]], Encoder],
) -> AsyncGenerator[bytes, None]:
    encoder = make_encoder(asked.columns)
    async for rows in batches:
        # Others are answered meanwhile.
        yield await asyncio.to_thread(encoder.rows, rows)
    yield encoder.end()


def _encoded(asked: Asked, rows: Sequence[Row]) -> bytes:
    make_encoder = ENCODERS.get(asked.format)
    if make_encoder is None:
        return encode_json(as_objects(asked.columns, rows))
    encoder = make_encoder(asked.columns)
    return encoder.rows(rows) + encoder.end()


def _meta(asked: Asked, moment: Moment, *, next_cursor: str | None, total: int | None) -> MartMeta:
    warnings = []
    if moment.data_through is None:
        warnings.append("Nothing has been received from this account yet.")
    if moment.is_all or moment.changes > MOST_CHANGES:
        warnings.append(
            "Much has changed since the last refresh. The rows are exact; the answer took longer"
            " than usual."
        )
    return MartMeta(
        as_of=moment.as_of,
        data_through=moment.data_through,
        pending=moment.sessions,
        time_zone=moment.time_zone,
        warnings=[*warnings, *warnings_of(asked.catalog.failing)],
        next_cursor=next_cursor,
        total=total,
    )
