"""Cursors: where a page ended, as a text that means nothing to whoever gets it.

A cursor gives no rights: what it leads to is read with the token of whoever brings it.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from ingest.problems import invalid

LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
LAST_ID = UUID(int=2**128 - 1)
"""With it a page comes after nothing: newest first, it is the first."""
FIRST_DAY, LAST_DAY = date.min, date.max
MOST_ROWS = 500

AskedLimit = Annotated[
    int,
    QueryParameter(ge=1, le=MOST_ROWS, description=f"How many at most; {MOST_ROWS} is the most."),
]
AskedCursor = Annotated[
    str | None,
    QueryParameter(
        max_length=1_000,
        description="The `next_cursor` of the page before, with the same other parameters.",
    ),
]


class Position(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a page ended, and of which list it is."""

    of: str
    """The list, as `digest` tells it from others."""
    day_from: date
    day_to: date
    """The days that the first page was of: a period is not to move on between two pages."""
    at: Annotated[datetime, Meta(tz=True)]
    id: UUID
    rating: Annotated[int, Meta(ge=0, le=5)] = 0

    @property
    def is_of_all_time(self) -> bool:
        return (self.day_from, self.day_to) == (FIRST_DAY, LAST_DAY)


def digest(*asked: object) -> str:
    """Return what tells a list from one that was asked for otherwise."""
    return hashlib.blake2b(msgspec.json.encode(asked), digest_size=9).hexdigest()


def to_cursor(position: Position) -> str:
    return urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def read_cursor(cursor: str | None, of: str) -> Position | None:
    """Return where the page before ended.

    Raises:
        Invalid: it is no cursor, or one of another list.
    """
    if cursor is None:
        return None
    try:
        text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        position = msgspec.json.decode(text, type=Position)
    except (ValueError, msgspec.DecodeError, RecursionError):
        position = None
    # Decoding passes over what it does not know.
    if position is None or position.of != of or to_cursor(position) != cursor:
        raise invalid("/cursor", "The cursor is none that this list has given.")
    return position
