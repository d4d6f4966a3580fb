"""A request's body on its way in: unpacked if it came gzipped, not awaited for ever."""

import zlib
from typing import Any

from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPRequestEvent, Receive, Scope, Send

from ingest.problems import MalformedBody, TooLarge, UnsupportedEncoding
from ingest.stopping import Stopping

GZIP = 16 + zlib.MAX_WBITS
WITH_BODY = {"POST", "PUT"}
CHUNK = 65_536
"""How many bytes are unpacked at a time: what a few bytes may unpack to is never held."""


class Incoming(ASGIMiddleware):
    """Stands between the server and whatever reads a body."""

    def __init__(self, most_bytes: int) -> None:
        """Prepare for bodies of at most so many bytes; packed ones unpack to no more."""
        self._most_bytes = most_bytes

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope.get("method") not in WITH_BODY:
            await next_app(scope, receive, send)
            return
        coding = b""
        for name, value in scope["headers"]:
            if name == b"content-encoding":
                coding = value
            elif name == b"content-length" and int(value) > self._most_bytes:
                # Whoever says so is told before they send it.
                raise TooLarge(f"A body may have {self._most_bytes} bytes.")
        arrive = _whole(receive, scope["litestar_app"].state.stopping)
        match coding.strip().lower():
            case b"" | b"identity":
                await next_app(scope, arrive, send)
            case b"gzip" | b"x-gzip":
                await next_app(scope, _Unpacked(arrive), send)
            case _:
                raise UnsupportedEncoding("A body may be sent as it is, or in gzip.")


def _whole(receive: Receive, stopping: Stopping) -> Receive:
    """Return a body's messages; one that does not come to its end is a problem of its sender."""
    complete = False

    async def arrive() -> Any:
        nonlocal complete
        message = await stopping.awaiting(receive)
        if message["type"] == "http.request":
            complete = not message.get("more_body", False)
        elif not complete:
            raise MalformedBody("The connection was closed before the body was complete.")
        return message

    return arrive


class _Unpacked:
    """Receives a gzipped body, unpacked, in messages of limited size."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._member = zlib.decompressobj(GZIP)
        self._packed = b""
        self._more = True
        self._ended = False

    async def __call__(self) -> Any:
        if self._ended:
            return await self._receive()
        if not self._packed and self._more:
            message: Any = await self._receive()
            self._packed = message.get("body", b"")
            self._more = message.get("more_body", False)
        piece = self._unpack()
        # A piece of full size may have left output behind, though its input is used up.
        self._ended = not (self._more or self._packed or len(piece) == CHUNK)
        if self._ended and not self._member.eof:
            raise MalformedBody("The body is not gzip, or not all of it.")
        event: HTTPRequestEvent = {
            "type": "http.request",
            "body": piece,
            "more_body": not self._ended,
        }
        return event

    def _unpack(self) -> bytes:
        if self._member.eof and self._packed:
            # A gzip file may have several members, one after the other.
            self._member = zlib.decompressobj(GZIP)
        try:
            piece = self._member.decompress(self._packed, CHUNK)
        except zlib.error:
            raise MalformedBody("The body is not gzip, or not all of it.") from None
        self._packed = self._member.unused_data or self._member.unconsumed_tail
        return piece
