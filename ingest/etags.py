"""Telling a client that what it has is still true."""

import hashlib
from typing import Any

import msgspec
from litestar import Response
from litestar.types import Message, Scope


def weak_etag(*parts: Any) -> str:
    """Return a tag that is another one whenever one of the parts is.

    Weak, as an answer's `meta` names the moment it was given, and the figures stay the same.
    """
    encoded = msgspec.json.encode(msgspec.to_builtins(parts, builtin_types=()))
    return f'W/"{hashlib.sha256(encoded).hexdigest()[:32]}"'


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Say whether a request's If-None-Match has the tag.

    >>> is_known('"a", W/"b"', 'W/"b"'), is_known("*", 'W/"b"'), is_known(None, 'W/"b"')
    (True, True, False)
    """
    if if_none_match is None:
        return False
    given = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in given or etag.removeprefix("W/") in given


def not_modified(etag: str) -> Response[Any]:
    """Return the answer without a body, for whoever has it."""
    return Response(None, status_code=304, headers=etag_headers(etag))


CACHE_CONTROL = "private, no-cache"
VARY = "Accept, Accept-Encoding, Authorization, Cookie"
PRIVATE = ((b"cache-control", CACHE_CONTROL.encode()), (b"vary", VARY.encode()))


async def tell_private(message: Message, scope: Scope) -> None:
    """Have no cache between keep an answer that is somebody's: a cookie does not forbid it."""
    if message["type"] == "http.response.start" and scope.get("user") is not None:
        headers: Any = message["headers"]
        said = {name.lower() for name, _ in headers}
        message["headers"] = [*headers, *(each for each in PRIVATE if each[0] not in said)]


def etag_headers(etag: str) -> dict[str, str]:
    """Return what an answer with a tag says: keep it for yourself, and ask each time."""
    return {"ETag": etag, "Cache-Control": CACHE_CONTROL, "Vary": VARY}
