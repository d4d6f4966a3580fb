"""Answers with figures: encoded once for each state of an account, with a tag to ask again by."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.enums import MediaType
from msgspec import Struct

from ingest.encoded import FEWEST_BYTES, Encoded
from ingest.etags import VARY, etag_headers, is_known, not_modified, weak_etag
from ingest.figures import Figures
from ingest.store.reads import Found

MOST_BYTES_KEPT = 65_536
"""Of an answer; longer ones are encoded each time."""
_encode = msgspec.json.Encoder().encode


def answer(
    request: Request[Any, Any, Any],
    found: Found[Any],
    kind: type[Struct],
    defined: Figures,
    *,
    figures: Callable[[], Struct],
    meta: Struct,
    note: Callable[[], None] = lambda: None,
) -> Response[Any]:
    """Return the answer of a kind, or that the client has it already.

    Args:
        request: may name the tag of what the client has.
        found: what it is made of; it keeps what is encoded here.
        kind: the answer's type, which has the fields of `figures` and then `meta`.
        defined: what the figures are.
        figures: makes the answer but for its meta.
        meta: which names the moment of this answer, so it is made each time.
        note: writes down that it was read, if it is.
    """
    accepted = request.headers
    headers = {"Vary": VARY}
    encoded = found.encoded.get(kind.__name__)
    if encoded is None or encoded.defined is not defined:
        encoded = None
        tag = None
        if found.name is not None:
            tag = weak_etag(kind.__name__, found.name, defined.version)
    else:
        tag = encoded.tag
    if tag is not None:
        if is_known(accepted.get("if-none-match"), tag):
            return not_modified(tag)
        headers = etag_headers(tag)
    note()
    if encoded is None:
        encoded = Encoded(msgspec.json.encode(figures()), defined, tag)
        if len(encoded) <= MOST_BYTES_KEPT:
            found.encoded[kind.__name__] = encoded
    end = _encode({"meta": meta})
    if len(encoded) >= FEWEST_BYTES and takes_gzip(accepted.get("accept-encoding")):
        headers["Content-Encoding"] = "gzip"
        body = encoded.compressed_with_end(end)
    else:
        body = encoded.with_end(end)
    return Response(body, headers=headers, media_type=MediaType.JSON.value)


def takes_gzip(accept_encoding: str | None) -> bool:
    """Say whether a request's Accept-Encoding has gzip.

    >>> takes_gzip("br, gzip;q=0.5"), takes_gzip("gzip;q=0"), takes_gzip("br"), takes_gzip(None)
    (True, False, False, False)
    """
    for each in (accept_encoding or "").lower().split(","):
        coding, _, weight = each.replace(" ", "").partition(";q=")
        if coding in {"gzip", "x-gzip"}:
            return weight.strip("0.") != "" or not weight
    return False
