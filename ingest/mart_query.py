"""What a request asks of a mart: filters, columns, order, and a page of it."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar.datastructures import MultiDict
from msgspec import Struct

from ingest.catalog import ACCOUNT, Column, Mart
from ingest.problems import FieldProblem, Invalid, invalid
from ingest.windows import has_window_before, named_window

DEFAULT_LIMIT = 1_000
LARGEST_LIMIT = 10_000
ALL = "all"
LONGEST_CURSOR = 8_000
MOST_VALUES = 200
"""In one request, of all filters together."""
ONCE = ("columns", "order_by", "limit", "cursor", "total", "format", "from", "to")
"""What a query may say once, beside its filters."""

Operator = Literal["any", "from", "to"]


class Filter(Struct, frozen=True):
    """Rows whose column is one of the values, or at least, or at most, the one value."""

    column: str
    operator: Operator
    values: tuple[Any, ...]


class Term(Struct, frozen=True):
    """A column to order by; nulls are last in both directions."""

    column: str
    descending: bool = False


class MartQuery(Struct, frozen=True, kw_only=True):
    mart: Mart
    columns: tuple[str, ...]
    filters: tuple[Filter, ...]
    order: tuple[Term, ...]
    """It ends in the key, so that no two rows are in the same place."""
    limit: int | None
    """None stands for all rows, in a stream."""
    after: tuple[Any, ...] | None
    """The place in the order after which the page begins; the values of the terms."""
    wants_total: bool
    window: tuple[date, date] | None = None
    """The days of the custom period, if it is that one."""

    @property
    def identity(self) -> str:
        """The same for two requests that are answered alike at the same moment."""
        return _digest(
            self.mart.name,
            self._rows_in_order,
            self.columns,
            self.limit,
            self.after,
            self.wants_total,
        )

    @property
    def _rows_in_order(self) -> str:
        return _digest(self.mart.name, self.filters, self.order, self.window)

    def cursor_after(self, account_id: UUID, values: Sequence[Any]) -> str:
        """Return the cursor of the page after the row that has these values of the order."""
        of = _digest(str(account_id), self._rows_in_order)
        place = {"of": of, "after": [_said(value) for value in values]}
        return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


class _Place(Struct, frozen=True, forbid_unknown_fields=True):
    of: str
    after: list[str | None]


def read_query(mart: Mart, account_id: UUID, parameters: MultiDict[Any]) -> MartQuery:
    """Read a query's parameters.

    Raises:
        Invalid: some of them mean nothing here; `errors` points at each.
    """
    faults = [
        FieldProblem(pointer=f"/{name}", detail="This may be given once.")
        for name in ONCE
        if len(parameters.getall(name, [])) > 1
    ]
    allowed = _filters(mart)
    known = [*ONCE, ACCOUNT]
    faults += [
        FieldProblem(
            pointer=f"/{name}",
            detail=f"There is no such parameter. There are: {', '.join([*allowed, *known])}.",
        )
        for name in dict.fromkeys(parameters)
        if name not in allowed and name not in known
    ]
    filters = []
    for name, (column, operator) in allowed.items():
        if values := parameters.getall(name, []):
            try:
                filters.append(_filter(column, operator, values))
            except ValueError as error:
                faults.append(FieldProblem(pointer=f"/{name}", detail=str(error)))
    if sum(len(each.values) for each in filters) > MOST_VALUES:
        raise invalid("", f"A query has at most {MOST_VALUES} values to filter by.")
    if faults:
        raise Invalid(faults[0].detail, *faults)
    window = _window(mart, parameters)
    if window is not None:
        filters.append(Filter("period", "any", ("custom",)))
    query = MartQuery(
        mart=mart,
        columns=_columns(mart, parameters.get("columns")),
        filters=tuple(filters),
        order=_order(mart, parameters.get("order_by")),
        limit=_limit(parameters.get("limit")),
        after=None,
        wants_total=_total(parameters.get("total")),
        window=window,
    )
    cursor = parameters.get("cursor")
    if cursor is None:
        return query
    return msgspec.structs.replace(query, after=_after(query, account_id, cursor))


def _filters(mart: Mart) -> dict[str, tuple[Column, Operator]]:
    found: dict[str, tuple[Column, Operator]] = {}
    for column in mart.columns:
        for name in mart.filters_of(column):
            operator: Operator = "any"
            if name != column.name:
                operator = "from" if name.endswith("_from") else "to"
            found[name] = (column, operator)
    return found


def _filter(column: Column, operator: Operator, texts: list[str]) -> Filter:
    if operator != "any" and len(texts) > 1:
        raise ValueError("This may be given once.")
    return Filter(column.name, operator, tuple(column.type.read(each) for each in texts))


def _window(mart: Mart, parameters: MultiDict[Any]) -> tuple[date, date] | None:
    """Return the days of the window that is asked for instead of a period."""
    days: dict[str, date] = {}
    for name in ("from", "to"):
        if (text := parameters.get(name)) is not None:
            if not mart.has_periods:
                raise invalid(f"/{name}", "This mart has no periods.")
            try:
                days[name] = msgspec.convert(text, date)
            except (msgspec.ValidationError, ValueError):
                raise invalid(f"/{name}", "This has to be a date, such as 2026-03-01.") from None
    if not days:
        return None
    if "period" in parameters:
        raise invalid("/period", "Give a period, or from and to, not both.")
    window = named_window(days.get("from"), days.get("to"))
    if not has_window_before(*window):
        raise invalid("/from", "The calendar has no window before this one.")
    return window


def _names(text: str, parameter: str, mart: Mart, *, signs: str = "") -> list[str]:
    named = text.split(",")
    bare = [each.removeprefix(signs) if signs else each for each in named]
    for name in bare:
        if name not in mart.by_name:
            raise invalid(
                f"/{parameter}",
                f"There is no column {name!r}. There are: {', '.join(mart.by_name)}.",
            )
    if len(set(bare)) < len(bare):
        raise invalid(f"/{parameter}", "A column is named twice.")
    return named


def _columns(mart: Mart, text: str | None) -> tuple[str, ...]:
    if text is None:
        return tuple(mart.by_name)
    return tuple(_names(text, "columns", mart))


def _order(mart: Mart, text: str | None) -> tuple[Term, ...]:
    named = [] if text is None else _names(text, "order_by", mart, signs="-")
    terms = [Term(each.removeprefix("-"), descending=each.startswith("-")) for each in named]
    ordered = {term.column for term in terms}
    return (*terms, *(Term(each) for each in mart.key if each not in ordered))


def _limit(text: str | None) -> int | None:
    if text is None:
        return DEFAULT_LIMIT
    if text == ALL:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_LIMIT))):
        number = 0
    else:
        number = int(text)
    if not 1 <= number <= LARGEST_LIMIT:
        raise invalid("/limit", f"This has to be a number from 1 to {LARGEST_LIMIT}, or all.")
    return number


def _total(text: str | None) -> bool:
    if text not in {None, "true", "false"}:
        raise invalid("/total", "This has to be true or false.")
    return text == "true"


def _after(query: MartQuery, account_id: UUID, cursor: str) -> tuple[Any, ...]:
    fault = invalid(
        "/cursor", "This is no cursor of this query: its mart, filters, order and account."
    )
    if len(cursor) > LONGEST_CURSOR:
        raise fault
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = msgspec.json.decode(text, type=_Place)
        columns = [query.mart.by_name[term.column] for term in query.order]
        values = tuple(
            None if text is None else _read_place(column, text)
            for column, text in zip(columns, place.after, strict=True)
        )
    except (ValueError, binascii.Error, msgspec.MsgspecError, RecursionError):
        raise fault from None
    # What was made for another query, or by hand, would skip rows without a word.
    if query.cursor_after(account_id, values) != cursor:
        raise fault
    return values


def _read_place(column: Column, text: str) -> Any:
    # Other than a filter's, it may be as long as what is stored.
    return text if column.type.is_text and "\0" not in text else column.type.read(text)


def _digest(*parts: Any) -> str:
    encoded = msgspec.json.encode(msgspec.to_builtins(parts, builtin_types=()))
    return hashlib.sha256(encoded).hexdigest()[:32]


def _said(value: Any) -> str | None:
    """Return a value of the order as its type reads it again."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case _:
            text: str = msgspec.to_builtins(value) if not isinstance(value, int) else str(value)
            return text
