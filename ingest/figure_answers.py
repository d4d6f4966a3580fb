"""Answers with figures: encoded once for each state of an account, with a tag to ask again by."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.enums import MediaType
from msgspec import Struct

from ingest.etags import etag_headers, is_known, not_modified, weak_etag
from ingest.figures import Figures
from ingest.store.reads import Found

MOST_BYTES_KEPT = 65_536
"""Of an answer; longer ones are encoded each time."""


def answer(
    request: Request[Any, Any, Any],
    found: Found[Any],
    kind: type[Struct],
    defined: Figures,
    *,
    figures: Callable[[], Struct],
    meta: Struct,
) -> Response[Any]:
    """Return the answer of a kind, or that the client has it already.

    Args:
        request: may name the tag of what the client has.
        found: what it is made of; it keeps what is encoded here.
        kind: the answer's type, which has the fields of `figures` and then `meta`.
        defined: what the figures are.
        figures: makes the answer but for its meta.
        meta: which names the moment of this answer, so it is made each time.
    """
    headers = {}
    if found.name is not None:
        tag = weak_etag(kind.__name__, found.name, defined.version)
        if is_known(request.headers.get("if-none-match"), tag):
            return not_modified(tag)
        headers = etag_headers(tag)
    made_by, encoded = found.encoded.get(kind.__name__, (None, b""))
    if made_by is not defined:
        encoded = msgspec.json.encode(figures())
        if len(encoded) <= MOST_BYTES_KEPT:
            found.encoded[kind.__name__] = defined, encoded
    body = encoded[:-1] + b',"meta":' + msgspec.json.encode(meta) + b"}"
    return Response(body, headers=headers, media_type=MediaType.JSON)
