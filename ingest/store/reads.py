"""What the read endpoints ask: sums, from which the figures are made at the edge.

Whatever is read is exact at one moment: what the last refresh stored, corrected by the sessions
that changed since. What is stored is read once and kept until something else is.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import date, datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg.rows import class_row

from ingest.store.corrections import AccountFigures, DayRow, corrected, ranked
from ingest.store.database import Connection, Database
from ingest.store.statements import SQL

T = TypeVar("T", bound=Struct)

MOST_CHANGES = 20_000
"""Beyond so many changes of an account all of it is computed from raw; see read_moment.sql."""
SPANS = (256, 64, 16, 4, 1)
"""How many days a rollup may span; see macros/rollup.sql."""
MOST_KEPT = 1_000

Window = Callable[[date], tuple[date, date]]
"""Given the account's today, the first and the last day that is asked for."""


class Moment(Struct, frozen=True, kw_only=True):
    """Where the account's calendar is at a moment, and what its stored figures lack."""

    as_of: datetime
    time_zone: str
    today: date
    version: UUID | None
    """Another one whenever what is stored of the account may have changed."""
    data_through: datetime | None
    changes: int
    sessions: int
    is_too_much: bool
    """Whether computing everything takes less than correcting."""
    is_renamed: bool

    @property
    def is_settled(self) -> bool:
        """Whether what is stored is the whole truth."""
        return self.version is not None and self.changes == 0


class Seen(Struct, frozen=True):
    """Corrections, as JSON, and the state that they were read in."""

    version: UUID | None
    changes: int
    corrections: str

    def is_of(self, moment: Moment) -> bool:
        """Say whether the moment's statement saw the same state."""
        return (self.version, self.changes) == (moment.version, moment.changes)


class RatedDayRow(DayRow, frozen=True):
    ratings: int = 0
    rating_points: int = 0


class StepRow(Struct, frozen=True):
    step_id: str
    title: str
    helpful_yes: int
    helpful_no: int


class CommentRow(Struct, frozen=True):
    rating: int
    comment: str
    user_name: str
    created_at: datetime


class FlowFigures(Struct, frozen=True):
    """Days with a session or a rating, in no order; steps in theirs, comments newest first."""

    is_known: bool
    days: list[RatedDayRow]
    steps: list[StepRow]
    comments: list[CommentRow]


class Reads:
    """Reads figures, and keeps what is stored of them for as long as nothing else is stored."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[Hashable, tuple[UUID | None, Any]] = OrderedDict()

    async def account(
        self, account_id: UUID, window: Window, most: int, *, user_id: UUID | None = None
    ) -> tuple[Moment, AccountFigures]:
        """Return the figures of an account, or of one engineer in it, and their moment.

        Args:
            account_id: whose.
            window: what days they are of.
            most: how many flows and engineers.
            user_id: the engineer.
        """
        statement = "read_account" if user_id is None else "read_engineer"
        scope = {"account_id": account_id, "user_id": user_id}
        async with self._database.reading() as connection:
            moment = await _moment(connection, scope)
            days = window(moment.today)
            stored = self._find((statement, *scope.values(), *days), moment)
            corrections: Seen | None = None
            # Names are kept with the figures.
            if moment.is_too_much or moment.is_renamed:
                stored = None
            elif stored is not None and moment.changes > 0:
                corrections = await _corrections(connection, scope)
                if not corrections.is_of(moment):
                    stored = None
            if stored is None:
                async with self._database.snapshot(connection):
                    moment = await _moment(connection, scope)
                    days = window(moment.today)
                    stored = await _figures(
                        connection, statement, scope, days, moment, AccountFigures
                    )
                    is_corrected = moment.changes > 0 and not moment.is_too_much
                    corrections = await _corrections(connection, scope) if is_corrected else None
                if not (moment.is_renamed or moment.is_too_much):
                    self._keep((statement, *scope.values(), *days), moment, stored)
        if corrections is not None:
            stored = corrected(stored, corrections.corrections, *days)
        return moment, ranked(stored, most)

    async def flow(
        self, account_id: UUID, window: Window, most: int, *, flow_id: UUID
    ) -> tuple[Moment, FlowFigures]:
        """Return the figures of a flow and its newest comments, and their moment."""
        scope = {"account_id": account_id, "flow_id": flow_id, "most": most}
        async with self._database.reading() as connection:
            moment = await _moment(connection, scope)
            days = window(moment.today)
            key = ("read_flow", *scope.values(), *days)
            if moment.is_settled and (kept := self._find(key, moment)):
                return moment, kept
            async with self._database.snapshot(connection):
                moment = await _moment(connection, scope)
                days = window(moment.today)
                figures = await _figures(connection, "read_flow", scope, days, moment, FlowFigures)
        if moment.is_settled:
            self._keep(("read_flow", *scope.values(), *days), moment, figures)
        return moment, figures

    def _find(self, key: Hashable, moment: Moment) -> Any:
        version, figures = self._kept.get(key, (None, None))
        if version is None or version != moment.version:
            return None
        self._kept.move_to_end(key)
        return figures

    def _keep(self, key: Hashable, moment: Moment, figures: Struct) -> None:
        if moment.version is None:
            return
        self._kept[key] = (moment.version, figures)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


async def _moment(connection: Connection, scope: dict[str, Any]) -> Moment:
    parameters = {"account_id": scope["account_id"], "most_changes": MOST_CHANGES}
    return await _row(connection, "read_moment", parameters, Moment)


async def _corrections(connection: Connection, scope: dict[str, Any]) -> Seen:
    return await _row(connection, "read_corrections", scope, Seen)


async def _row(
    connection: Connection, statement: str, parameters: dict[str, Any], kind: type[T]
) -> T:
    async with connection.cursor(row_factory=class_row(kind)) as cursor:
        rows = await (await cursor.execute(SQL[statement], parameters)).fetchall()
    return rows[0]


async def _figures(
    connection: Connection,
    statement: str,
    scope: dict[str, Any],
    days: tuple[date, date],
    moment: Moment,
    kind: type[T],
) -> T:
    spans = cover(*days)
    parameters = scope | {
        "day_from": days[0],
        "day_to": days[1],
        "span_days": [span for span, _ in spans],
        "span_from": [day for _, day in spans],
        "from_raw": moment.is_too_much,
    }
    if moment.is_too_much:
        await connection.execute(SQL["plan_for_everything"])
    cursor = await connection.execute(SQL[statement], parameters)
    row = await cursor.fetchone()
    return msgspec.json.decode(cast("tuple[str]", row)[0], type=kind)


def cover(day_from: date, day_to: date) -> list[tuple[int, date]]:
    """Return the fewest spans that make up a window: how many days each has, and its first.

    >>> for span in cover(date(2026, 3, 1), date(2026, 3, 7)): print(*span)
    """
    # toordinal() counts from 1 at 0001-01-01, the rollups from 0.
    first, end = day_from.toordinal() - 1, day_to.toordinal()
    spans = []
    while first < end:
        span = next(each for each in SPANS if first % each == 0 and first + each <= end)
        spans.append((span, date.fromordinal(first + 1)))
        first += span
    return spans
