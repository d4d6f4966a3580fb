"""What the OpenAPI document says beyond what the handlers' types say."""

from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import Any, get_args

import msgspec
from litestar import Request, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPI,
    OpenAPIMediaType,
    Operation,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.openapi.spec.enums import OpenAPIType

from ingest import __version__
from ingest.figure_document import with_meanings
from ingest.mart_document import ACCOUNT_PARAMETER, with_marts
from ingest.problems import MEDIA_TYPE, ProblemDetails
from ingest.schema import (
    AccountBody,
    AnyEvent,
    Completion,
    FlowBody,
    NewRating,
    NewSession,
    NewVisit,
    UserBody,
    Vote,
)

DESCRIPTIONS = {
    200: "Done",
    201: "Created",
    204: "Done; there is nothing to say",
    304: "What you have is still true",
    400: "Unparseable, or not in a state for this",
    401: "No or bad token",
    403: "The role or the user may not do this",
    404: "Absent, or another account's",
    406: "None of the media types in Accept is made here",
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


OF_EVERY_CALL = (401, 403, 422, 503)
"""The problems that any call may meet: a wrong token, account or parameter, no database."""
OF_A_BODY = (400, 413, 415)
"""Those of a call that reads a body."""

HEADERS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
"""What comes with a status."""

BODIES: tuple[type, ...] = (
    NewSession,
    NewVisit,
    Completion,
    NewRating,
    Vote,
    AccountBody,
    UserBody,
    FlowBody,
)

EXAMPLES: dict[str, dict[str, Any]] = {
    "NewSession": {
        "flow_id": "c7a1b9f2-3f0d-4a57-9d3c-6f1f6f2a8e21",
        "session_id": "0b8e2f0a-41a8-4a76-8e0b-2f3a9f9d6c11",
        "started_at": "2026-03-01T09:30:00Z",
    },
    "NewVisit": {"step_id": "check-cable", "visited_at": "2026-03-01T09:32:00Z"},
    "Completion": {"outcome": "resolved", "completed_at": "2026-03-01T09:41:00Z"},
    "NewRating": {"rating": 5, "comment": "Solved in two minutes."},
    "Vote": {"session_id": "0b8e2f0a-41a8-4a76-8e0b-2f3a9f9d6c11", "was_helpful": True},
    "AccountBody": {"name": "Acme Support", "time_zone": "Europe/Berlin"},
    "UserBody": {"name": "Dana", "role": "engineer"},
    "FlowBody": {
        "name": "Router will not connect",
        "steps": [{"step_id": "check-cable", "title": "Check the cable", "position": 0}],
    },
}
"""A body of each kind, to be sent as it stands."""


def problems(*statuses: int, takes_body: bool = False) -> dict[int, ResponseSpec]:
    """Return the problems that an operation answers: its own, and those of every call."""
    return problems_only(*OF_EVERY_CALL, *(OF_A_BODY if takes_body else ()), *statuses)


def problems_only(*statuses: int) -> dict[int, ResponseSpec]:
    """Return these problems and no other."""
    return {
        status: ResponseSpec(
            ProblemDetails,
            description=DESCRIPTIONS[status],
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in statuses
    }


def unchanged() -> dict[int, ResponseSpec]:
    """Return the answer to whoever has it already; see ingest/etags.py."""
    return {304: ResponseSpec(None, description=DESCRIPTIONS[304], generate_examples=False)}


def write_problems(*statuses: int, takes_body: bool = True) -> dict[int, ResponseSpec]:
    """Return the problems that a write answers: its own, and those of every write."""
    return problems(429, *statuses, takes_body=takes_body)


@dataclass
class BatchOperation(Operation):
    """`POST /events` reads its body item by item: the handler's types do not show it."""

    def __post_init__(self) -> None:
        event = Schema(
            description="An event; `data` holds the fields of the single call of its type.",
            any_of=[
                Reference(ref=f"#/components/schemas/{kind.__name__}")
                for kind in get_args(AnyEvent)
            ],
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


class Document(OpenAPI):
    """The document, mended where what the framework writes is not what happens."""

    def to_schema(self) -> dict[str, Any]:
        document = super().to_schema()
        # Theirs does not know that unknown fields are refused, nor the events.
        (_, bodies) = msgspec.json.schema_components(
            (*BODIES, AnyEvent), ref_template="#/components/schemas/{name}"
        )
        document["components"]["schemas"] |= bodies
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _mend_parameters(operation)
                _mend_responses(operation)
                _add_examples(operation)
                if path.startswith("/api/"):
                    operation.setdefault("parameters", []).append(ACCOUNT_PARAMETER)
                else:
                    operation["security"] = []
        return document


def _mend_parameters(operation: dict[str, Any]) -> None:
    """Let no parameter be null, which a query cannot say."""
    for parameter in operation.get("parameters", []):
        match parameter["schema"]:
            case {"oneOf": [schema, {"type": "null"}], **rest}:
                parameter["schema"] = schema | rest
            case {"type": ["null", kind], "enum": [*values, None], **rest}:
                parameter["schema"] = {"type": kind, "enum": values, **rest}


def _mend_responses(operation: dict[str, Any]) -> None:
    mended = {}
    for status, response in sorted(operation["responses"].items()):
        # The framework's own account of its validation, which here is a 422.
        if int(status) >= HTTPStatus.BAD_REQUEST and MEDIA_TYPE not in response["content"]:
            continue
        if response["description"] == HTTPStatus(int(status)).description:
            response["description"] = DESCRIPTIONS[int(status)]
        if header := HEADERS.get(int(status)):
            response["headers"] = {header: {"required": True, "schema": {"type": "string"}}}
        mended[status] = response
    operation["responses"] = mended


def _add_examples(operation: dict[str, Any]) -> None:
    body = operation.get("requestBody", {"content": {}})
    for content in body["content"].values():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        if name in EXAMPLES:
            content["examples"] = {"as it stands": {"value": EXAMPLES[name]}}


class WithMarts(OpenAPIRenderPlugin):
    """Renders as another one does, with the marts of that moment and what they say of figures."""

    def __init__(self, plugin: OpenAPIRenderPlugin) -> None:
        super().__init__(path=plugin.paths, media_type=plugin.media_type)
        self._plugin = plugin

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        catalog = request.app.state.served.known
        document = with_meanings(with_marts(openapi_schema, catalog), catalog)
        return self._plugin.render(request, document)

    def receive_router(self, router: Router) -> None:
        self._plugin.receive_router(router)


class DocumentConfig(OpenAPIConfig):
    def __post_init__(self) -> None:
        super().__post_init__()
        wrapped = {id(plugin): WithMarts(plugin) for plugin in self.render_plugins}
        self.render_plugins = list(wrapped.values())
        self.default_plugin = wrapped.get(id(self.default_plugin))

    def to_openapi_schema(self) -> OpenAPI:
        plain = super().to_openapi_schema()
        return Document(**{field.name: getattr(plain, field.name) for field in fields(plain)})


def openapi_config() -> OpenAPIConfig:
    """Return the document's frame: title, security, where it is served."""
    return DocumentConfig(
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
