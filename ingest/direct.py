"""The short way to a handler, for the calls that come by the thousand.

Resolving parameters, dependencies and the answer anew for each request takes longer than anything
else that a small call does here. What is the same for all of a handler's requests is found out
once, and the rest is read where it stands.
"""

import math
from typing import Any, cast

import msgspec
from litestar import Request, Response
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from ingest.body import decode
from ingest.problems import MalformedBody, UnsupportedMediaType

_encode = msgspec.json.Encoder().encode


class Direct:
    """Middleware that calls the handler it is put on, and answers as the framework would.

    The handler takes path parameters, `request`, a JSON `data`, and dependencies that are the
    same for every request. It returns what JSON has a form for, or a Response that adds its
    status; more of a Response, and hooks, are passed over.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Take the place of `app`, by which the framework would call the handler."""
        self.app = app
        self._call: _Call | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._call is None:
            self._call = await _Call.of(cast("HTTPScope", scope))
        await self._call.answer(cast("HTTPScope", scope), receive, send)


class _Call:
    """A handler, and what is the same for all of its requests."""

    def __init__(self, handler: HTTPRouteHandler, dependencies: dict[str, Any]) -> None:
        self._handler = handler
        self._dependencies = dependencies
        self._signature = handler.signature_model
        self._guards: list[Any] = handler.resolve_guards()
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            handler.parsed_fn_signature.parameters["data"].annotation
        )
        self._most_bytes = handler.resolve_request_max_body_size() or math.inf

    @classmethod
    async def of(cls, scope: HTTPScope) -> "_Call":
        handler = cast("HTTPRouteHandler", scope["route_handler"])
        state = scope["litestar_app"].state
        dependencies = {
            name: await provider(state=state)
            for name, provider in handler.resolve_dependencies().items()
            if name in handler.parsed_fn_signature.parameters
        }
        return cls(handler, dependencies)

    async def answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        for guard in self._guards:
            await guard(request, self._handler)
        body = await self._read(receive)
        if not body:
            raise MalformedBody("The body is empty.")
        _check_media_type(scope)
        given = {
            **scope["path_params"],
            **self._dependencies,
            "request": request,
            "data": decode(body, self._decoder),
        }
        given = self._signature.parse_values_from_connection_kwargs(request, given)
        answer = await self._handler.fn(**given)
        status = self._handler.status_code
        if isinstance(answer, Response):
            status, answer = answer.status_code or status, answer.content
        content = _encode(answer)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        more = True
        while more:
            message: Any = await receive()
            body += message["body"]
            if len(body) > self._most_bytes:
                raise RequestEntityTooLarge
            more = message["more_body"]
        return bytes(body)


def _check_media_type(scope: HTTPScope) -> None:
    content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    if content_type.partition(b";")[0].strip().lower() != b"application/json":
        raise UnsupportedMediaType("This address reads application/json.")
