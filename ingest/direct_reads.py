"""The short way to a handler that reads, for the addresses that are asked for again and again.

What an address asks for is the same each time: resolving its parameters anew takes longer than to
find the answer that is kept. So the framework resolves them once, and what it made of them is
kept by the address.
"""

from typing import Any, cast

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from ingest.store.kept import Kept

MOST_KEPT = 1_000
"""Addresses of a handler: those used last."""
LONGEST_KEPT = 200
"""Bytes of a query: longer ones are resolved each time."""


class DirectRead:
    """Middleware that calls the handler it is put on, and answers as the framework would.

    The handler takes `request`, parameters of path and query, and dependencies that are made of
    such or are the same for every request. It returns a Response of bytes, or of nothing, with
    its media type; more of a Response than its headers and status, and hooks, are passed over.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Take the place of `app`, by which the framework would call the handler."""
        self.app = app
        self._call: _Call | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._call is None:
            self._call = _Call(cast("HTTPScope", scope))
        await self._call.answer(cast("HTTPScope", scope), receive, send)


class _Call:
    """A handler, and what its addresses ask for."""

    def __init__(self, scope: HTTPScope) -> None:
        self._handler = cast("HTTPRouteHandler", scope["route_handler"])
        self._parameters = next(
            parameters
            for route in scope["litestar_app"].routes
            if isinstance(route, HTTPRoute)
            for handler, parameters in route.route_handler_map.values()
            if handler is self._handler
        )
        self._guards: list[Any] = self._handler.resolve_guards()
        self._kept = Kept(MOST_KEPT)

    async def answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        for guard in self._guards:
            await guard(request, self._handler)
        query = scope["query_string"]
        address = (query, *scope["path_params"].items())
        given = self._kept.find(address, None)
        if given is None:
            given = await self._resolve(request)
            if len(query) <= LONGEST_KEPT:
                self._kept.keep(address, None, given)
        answer: Response[bytes | None] = await self._handler.fn(request=request, **given)
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in answer.headers.items()
        ]
        content = answer.content
        if content is not None:
            headers += [
                (b"content-type", str(answer.media_type).encode("latin-1")),
                (b"content-length", b"%d" % len(content)),
            ]
        status = answer.status_code or self._handler.status_code
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content or b"", "more_body": False})

    async def _resolve(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Return what the handler takes besides the request, as the framework would resolve it."""
        given = await self._parameters.to_kwargs(request)
        if self._parameters.dependency_batches:
            await self._parameters.resolve_dependencies(request, given)
        given = self._handler.signature_model.parse_values_from_connection_kwargs(request, given)
        return {name: value for name, value in given.items() if name != "request"}
