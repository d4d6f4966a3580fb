"""Columns of many rows as parameters of a statement: arrays in PostgreSQL's binary format.

A statement unnests them. psycopg dumps a list of its own accord, too, but asks for a dumper for
each element, which takes longer than the insert; and the server reads JSON several times slower.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from struct import Struct
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import msgspec
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

T = TypeVar("T")

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_HEAD = Struct("!iiIii").pack
_NULL = b"\xff\xff\xff\xff"
_LENGTH = Struct("!i").pack
_SIXTEEN = _LENGTH(16)
_MOMENT = Struct("!iq").pack
_NUMBER = Struct("!ih").pack
_FLAGS = {None: _NULL, True: b"\0\0\0\1\1", False: b"\0\0\0\1\0"}


class Column(list[T | None], Generic[T]):
    """A column of values of one type; None is null.

    `oid` is that of the type, `array_oid` of an array of it.
    """

    oid: ClassVar[int]
    array_oid: ClassVar[int]

    def elements(self) -> Iterable[bytes]:
        """Return each value with its length before it, as an array has them."""
        raise NotImplementedError


class Uuids(Column[UUID]):
    oid, array_oid = 2950, 2951

    def elements(self) -> Iterable[bytes]:
        return [_NULL if each is None else _SIXTEEN + each.bytes for each in self]


class Moments(Column[datetime]):
    """Times with a zone; PostgreSQL counts microseconds from the year 2000."""

    oid, array_oid = 1184, 1185

    def elements(self) -> Iterable[bytes]:
        sinces = [None if each is None else each - _EPOCH for each in self]
        return [
            _NULL
            if since is None
            else _MOMENT(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
            for since in sinces
        ]


class Bytes(Column[bytes]):
    oid, array_oid = 17, 1001

    def elements(self) -> Iterable[bytes]:
        return [_NULL if each is None else _LENGTH(len(each)) + each for each in self]


class Texts(Column[str]):
    oid, array_oid = 25, 1009

    def elements(self) -> Iterable[bytes]:
        encoded = [None if each is None else each.encode() for each in self]
        return [_NULL if each is None else _LENGTH(len(each)) + each for each in encoded]


class Numbers(Column[int]):
    """Integers of two bytes."""

    oid, array_oid = 21, 1005

    def elements(self) -> Iterable[bytes]:
        return [_NULL if each is None else _NUMBER(2, each) for each in self]


class Flags(Column[bool]):
    oid, array_oid = 16, 1000

    def elements(self) -> Iterable[bytes]:
        return [_FLAGS[each] for each in self]


class Documents(Column[Any]):
    """Whatever msgspec encodes, as jsonb."""

    oid, array_oid = 3802, 3807

    def elements(self) -> Iterable[bytes]:
        encoded = [b"\1" + msgspec.json.encode(each) for each in self]
        return [_LENGTH(len(each)) + each for each in encoded]


COLUMNS: tuple[type[Column[Any]], ...] = (
    Uuids, Moments, Bytes, Texts, Numbers, Flags, Documents,
)  # fmt: skip


def register_arrays(context: AdaptContext) -> None:
    """Let a connection take columns as parameters."""
    for column in COLUMNS:
        dumper = type(f"{column.__name__}Dumper", (_ColumnDumper,), {"oid": column.array_oid})
        context.adapters.register_dumper(column, dumper)


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column[Any]) -> Buffer:
        # One dimension, perhaps with nulls, counted from 1.
        return _HEAD(1, 1, obj.oid, len(obj), 1) + b"".join(obj.elements())
