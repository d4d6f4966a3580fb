"""Sending what has no end in memory: whoever hangs up or takes too long is let go."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from ingest.etags import etag_headers
from ingest.mart_answers import MartMeta, Stream
from ingest.problems import Unavailable

Open = Callable[[], AbstractAsyncContextManager[Stream]]


class Streamed(Response[None]):
    """A response that is made while it is sent."""

    def __init__(
        self, stream: Open, media_type: str, headers: Callable[[MartMeta], dict[str, str]]
    ) -> None:
        """Take what opens the stream, and what its headers are."""
        super().__init__(None, media_type=media_type)
        self._sending = _Sending(stream, media_type, headers)

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        return self._sending


class _Sending(ASGIResponse):
    def __init__(
        self, stream: Open, media_type: str, of_meta: Callable[[MartMeta], dict[str, str]]
    ) -> None:
        super().__init__(media_type=media_type)
        self._stream = stream
        self._media_type = media_type
        self._of_meta = of_meta

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all, or break the connection off: nobody takes half for the whole.

        Raises:
            Unavailable: it lasted too long.
        """
        seconds: int = scope["litestar_app"].state.settings.stream_seconds
        sending = asyncio.create_task(self._send(send))
        listening = asyncio.create_task(_until_hung_up(receive))
        try:
            await asyncio.wait(
                (sending, listening), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if sending.done():
                sending.result()
            elif not listening.done():
                raise Unavailable(f"A stream may last {seconds} seconds: filter it.")
        finally:
            sending.cancel()
            listening.cancel()
            await asyncio.gather(sending, listening, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        async with self._stream() as stream:
            headers = etag_headers(stream.etag) if stream.etag else {}
            if stream.pieces is None:
                await _start(send, 304, headers)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            # What fails at once is answered with a problem.
            first = await anext(stream.pieces)
            headers |= {"Content-Type": self._media_type}
            if stream.meta is not None:
                headers |= self._of_meta(stream.meta)
            await _start(send, 200, headers)
            await _send_piece(send, first)
            async for piece in stream.pieces:
                await _send_piece(send, piece)
        # Not before all of it was read without a fault.
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _start(send: Send, status: int, headers: dict[str, str]) -> None:
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def _send_piece(send: Send, piece: bytes) -> None:
    if piece:
        await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _until_hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
