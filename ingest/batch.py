"""`POST /events`: batches from back ends."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from ingest.auth import Identity, only
from ingest.events import BatchAnswer, Sender, split_array, take
from ingest.noted import COUNTS, ITEMS
from ingest.openapi import BatchOperation, write_problems
from ingest.problems import TooLarge, UnsupportedMediaType
from ingest.quotas import COUNTS_ITEMS
from ingest.store.database import Database

Chunks = AsyncIterator[bytes]


async def _read_array(chunks: Chunks, most: int) -> list[bytes]:
    items = split_array(b"".join([chunk async for chunk in chunks]))
    if len(items) > most:
        raise TooLarge(f"A batch may have {most} items.")
    return items


async def _read_lines(chunks: Chunks, most: int) -> list[bytes]:
    """Cut NDJSON into its lines, unread, as they come in; blank ones do not count."""
    items: list[bytes] = []
    line = bytearray()
    async for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line += end
            if line.strip():
                items.append(bytes(line))
            line.clear()
        line += rest
        if len(items) > most:
            break
    if line.strip():
        items.append(bytes(line))
    if len(items) > most:
        raise TooLarge(f"A batch may have {most} items.")
    return items


READERS = {"application/json": _read_array, "application/x-ndjson": _read_lines}


class BatchController(Controller):
    tags = ("Events",)
    return_dto = None

    @post(
        "/events",
        guards=[only("service")],
        operation_class=BatchOperation,
        opt={COUNTS_ITEMS: True},
        operation_id="postEvents",
        summary="Send a batch of events",
        status_code=200,
        responses={
            207: ResponseSpec(BatchAnswer, description="Some items were not accepted"),
            **write_problems(),
        },
    )
    async def post_events(
        self, request: Request[Identity, None, Any], database: NamedDependency[Database]
    ) -> Response[BatchAnswer]:
        """A JSON array or NDJSON; 200, or 207 as soon as one item was not accepted.

        An event id counts once per account for ever: send a batch again whenever in doubt.
        """
        settings = request.app.state.settings
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in READERS:
            raise UnsupportedMediaType(f"This address reads {' and '.join(READERS)}.")
        items = await READERS[media_type](request.stream(), settings.max_batch_items)
        request.scope["state"][ITEMS] = len(items)
        await request.app.state.quotas.spend(request.user.account_id, len(items))
        sender = Sender(account_id=request.user.account_id)
        answer = await take(database, settings, sender, items, now=datetime.now(UTC))
        request.scope["state"][COUNTS] = answer.counts
        accepted = answer.counts.created + answer.counts.duplicate
        return Response(answer, status_code=200 if accepted == len(items) else 207)
