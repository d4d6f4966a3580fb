"""The types that a served column may have: how each is asked for, and how it is described."""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

LONGEST_TEXT = 1_000
"""The longest text that rows are compared with, in characters."""
LARGEST_EXPONENT = 300

_WITH_ARGUMENTS = re.compile(r"^(?P<name>[a-z ]+?)\s*\((?P<arguments>[\d,\s]+)\)$")
_BIGINT = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class ColumnType(Struct, frozen=True):
    """A type of the contract."""

    name: str
    """As PostgreSQL calls it, without its arguments."""
    compared_as: str
    """What values that it is compared with are cast to."""
    read: Callable[[str], Any]
    """Turn the text of a parameter into a value; a ValueError says what is wrong."""
    schema: dict[str, Any]
    """Its JSON schema."""
    has_range: bool = False
    """Whether `_from` and `_to` are offered."""
    precision: tuple[int, int] | None = None
    """The digits of a number, and how many of them are decimals, where the contract says so."""

    @property
    def said(self) -> str:
        """The type as a contract says it."""
        return (
            self.name if self.precision is None else "{}({},{})".format(self.name, *self.precision)
        )

    @property
    def is_text(self) -> bool:
        return self.name == "text"


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("A text holds a NUL character.")
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"A text has at most {LONGEST_TEXT} characters here.")
    return text


def _read_as(kind: Any, said: str) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return msgspec.convert(text, kind)
        except (msgspec.ValidationError, ValueError):
            raise ValueError(said) from None

    return read


def _whole_number(text: str) -> int:
    try:
        return msgspec.convert(text, _BIGINT, strict=False)
    except (msgspec.ValidationError, ValueError):
        raise ValueError("This has to be a whole number of 64 bits.") from None


def _number(text: str) -> Decimal:
    try:
        number = msgspec.convert(text, Decimal)
    except (msgspec.ValidationError, ValueError):
        raise ValueError("This has to be a number.") from None
    if not number.is_finite():
        # PostgreSQL knows it, quiet and without a sign.
        return Decimal("NaN") if number.is_nan() else number
    if (number and abs(number.adjusted()) > LARGEST_EXPONENT) or len(text) > LONGEST_TEXT:
        raise ValueError("This number is too large or too small.")
    return number


def _float(text: str) -> float:
    number = float(_number(text))
    if math.isinf(number) and "inf" not in text.lower():
        raise ValueError("This number is too large or too small.")
    return number


_read_instant = _read_as(
    Annotated[datetime, Meta(tz=True)],
    "This has to be an instant with an offset, such as 2026-03-01T09:30:00Z"
    " (a plus sign is written as %2B).",
)


def _instant(text: str) -> datetime:
    """Return it in UTC: PostgreSQL knows no offsets of more than 16 hours."""
    instant: datetime = _read_instant(text)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("This is not between the years 1 and 9999.") from None


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("This has to be true or false.")
    return text == "true"


_WHOLE = {"type": "integer"}
_TYPES = {
    each.name: each
    for each in (
        ColumnType(
            "uuid",
            "uuid",
            _read_as(UUID, "This has to be a UUID."),
            {"type": "string", "format": "uuid"},
        ),
        ColumnType("text", "text", _text, {"type": "string"}),
        ColumnType(
            "date",
            "date",
            _read_as(date, "This has to be a date, such as 2026-03-01."),
            {"type": "string", "format": "date"},
            has_range=True,
        ),
        ColumnType(
            "time without time zone",
            "time",
            _read_as(
                Annotated[time, Meta(tz=False)], "This has to be a time of day, such as 09:30."
            ),
            {"type": "string", "examples": ["09:30:00"]},
            has_range=True,
        ),
        ColumnType(
            "timestamp with time zone",
            "timestamptz",
            _instant,
            {"type": "string", "format": "date-time"},
            has_range=True,
        ),
        *(
            ColumnType(name, "bigint", _whole_number, _WHOLE | limits, has_range=True)
            for name, limits in (
                ("smallint", {"minimum": -(2**15), "maximum": 2**15 - 1}),
                ("integer", {"format": "int32"}),
                ("bigint", {"format": "int64"}),
            )
        ),
        ColumnType("numeric", "numeric", _number, {"type": "number"}, has_range=True),
        *(
            ColumnType(
                name,
                "double precision",
                _float,
                {"type": "number", "format": "double"},
                has_range=True,
            )
            for name in ("double precision", "real")
        ),
        ColumnType("boolean", "boolean", _boolean, {"type": "boolean"}),
    )
}
_ALIASES = {
    "character varying": "text",
    "varchar": "text",
    "character": "text",
    "char": "text",
    "timestamptz": "timestamp with time zone",
    "time": "time without time zone",
    "int2": "smallint",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "decimal": "numeric",
    "float8": "double precision",
    "float4": "real",
    "bool": "boolean",
}


def column_type(data_type: str) -> ColumnType | None:
    """Return the type that a contract names; nothing for one that is not served.

    >>> column_type("INT8").name, column_type("numeric(5, 3)").precision, column_type("json")
    ('bigint', (5, 3), None)
    """
    name = " ".join(data_type.lower().split())
    arguments: tuple[int, ...] = ()
    if match := _WITH_ARGUMENTS.match(name):
        name = match["name"]
        arguments = tuple(int(each) for each in match["arguments"].split(","))
    found = _TYPES.get(_ALIASES.get(name, name))
    if found is None or not arguments:
        return found
    if found.name == "numeric":
        precision, scale = (*arguments, 0)[:2]
        return msgspec.structs.replace(found, precision=(precision, scale))
    # A length limits what is stored, not what is read. Of other types nothing is known to follow.
    return found if found.is_text else None
