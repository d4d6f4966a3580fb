"""`POST /events`: batches from back ends."""

from datetime import UTC, datetime
from typing import Any

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from ingest.auth import Identity, only
from ingest.events import BatchAnswer, Sender, split_array, split_lines, take
from ingest.openapi import BatchOperation, problems
from ingest.problems import TooLarge, UnsupportedMediaType
from ingest.store.database import Database

SPLITTERS = {"application/json": split_array, "application/x-ndjson": split_lines}


class BatchController(Controller):
    tags = ("Events",)
    return_dto = None

    @post(
        "/events",
        guards=[only("service")],
        operation_class=BatchOperation,
        operation_id="postEvents",
        summary="Send a batch of events",
        status_code=200,
        responses={
            207: ResponseSpec(BatchAnswer, description="Some items were not accepted"),
            **problems(403, 413, 415),
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
        if media_type not in SPLITTERS:
            raise UnsupportedMediaType(f"This address reads {' and '.join(SPLITTERS)}.")
        items = SPLITTERS[media_type](await request.body())
        if len(items) > settings.max_batch_items:
            raise TooLarge(f"A batch may have {settings.max_batch_items} items.")
        sender = Sender(account_id=request.user.account_id)
        answer = await take(database, settings, sender, items, now=datetime.now(UTC))
        accepted = answer.counts.created + answer.counts.duplicate
        return Response(answer, status_code=200 if accepted == len(items) else 207)
