"""What the OpenAPI document says beyond what the handlers' types say."""

from dataclasses import dataclass
from typing import get_args

from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPIMediaType,
    Operation,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from ingest import __version__
from ingest.problems import MEDIA_TYPE, ProblemDetails
from ingest.schema import AnyEvent

DESCRIPTIONS = {
    400: "Unparseable, or not in a state for this",
    401: "No or bad token",
    403: "The role or the user may not do this",
    404: "Absent, or another account's",
    409: "It conflicts with what is there",
    413: "Too large",
    415: "Not a content type that is read here",
    422: "A rule is broken; errors point at each place",
    429: "The account's quota is used up; wait as long as Retry-After says",
    503: "Not right now; nothing was stored, try again",
}

EVENT = {
    "id": "5f0c6f2e-6f0e-4c62-9a53-0d7f6a3d1b11",
    "type": "session.completed",
    "occurred_at": "2026-03-01T09:41:00Z",
    "data": {
        "session_id": "0b8e2f0a-41a8-4a76-8e0b-2f3a9f9d6c11",
        "outcome": "resolved",
    },
}
EVENT_LINE = (
    '{"id": "5f0c6f2e-6f0e-4c62-9a53-0d7f6a3d1b11", "type": "session.completed", '
    '"occurred_at": "2026-03-01T09:41:00Z", "data": '
    '{"session_id": "0b8e2f0a-41a8-4a76-8e0b-2f3a9f9d6c11", "outcome": "resolved"}}\n'
)


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the problems that an operation answers, beside those that all do."""
    return {
        status: ResponseSpec(
            ProblemDetails,
            description=DESCRIPTIONS[status],
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in (400, 401, *statuses, 422, 503)
    }


def write_problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the problems that a write answers, beside those that all of them do."""
    return problems(*statuses, 429)


@dataclass
class BatchOperation(Operation):
    """`POST /events` reads its body item by item: the handler's types do not show it."""

    def __post_init__(self) -> None:
        event = Schema(
            type=OpenAPIType.OBJECT,
            description="An event; `data` holds the fields of the single call of its type.",
            required=["id", "type", "occurred_at", "data"],
            properties={
                "id": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.UUID),
                "type": Schema(type=OpenAPIType.STRING, enum=EVENT_TYPES),
                "occurred_at": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME),
                "data": Schema(type=OpenAPIType.OBJECT),
            },
        )
        self.request_body = RequestBody(
            required=True,
            content={
                "application/json": OpenAPIMediaType(
                    schema=Schema(type=OpenAPIType.ARRAY, items=event),
                    examples={"one event": Example(value=[EVENT])},
                ),
                "application/x-ndjson": OpenAPIMediaType(
                    schema=Schema(type=OpenAPIType.STRING),
                    examples={"one event": Example(value=EVENT_LINE)},
                ),
            },
        )


EVENT_TYPES = [kind.__struct_config__.tag for kind in get_args(AnyEvent)]


def openapi_config() -> OpenAPIConfig:
    """Return the document's frame: title, security, where it is served."""
    return OpenAPIConfig(
        title="Upshot",
        version=__version__,
        description="Takes in what happened in guided troubleshooting, and serves the figures.",
        path="/schema",
        security=[{"bearer": []}],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
            }
        ),
    )
