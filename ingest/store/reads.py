"""What the read endpoints ask: sums, from which the figures are made at the edge.

Whatever is read is exact at one moment: what the last refresh stored, corrected by the sessions
that changed since. What is stored is read once and kept until something else is; an answer, until
something changes.
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
    def state(self) -> tuple[UUID | None, int] | None:
        """What tells two states of the account apart; none where it is not known.

        Every change, to names too, adds to the log. Nothing but a refresh takes from it, and that
        changes the version: so of one version there is one state for each length of the log.
        """
        if self.version is None or self.changes > MOST_CHANGES:
            return None
        return self.version, self.changes

    @property
    def is_correctable(self) -> bool:
        """Whether what is stored, its names as they were read, lacks nothing but corrections."""
        return not (self.is_too_much or self.is_renamed)


class Seen(Struct, frozen=True):
    """Corrections, as JSON, and the state that they were read in."""

    version: UUID | None
    changes: int
    corrections: str

    @property
    def state(self) -> tuple[UUID | None, int]:
        """As a moment's."""
        return self.version, self.changes


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
    """Reads figures, and keeps what it read for as long as it is true."""

    def __init__(self, database: Database, *, most_answers: int = MOST_KEPT) -> None:
        self._database = database
        self._answers = Kept(most_answers)
        self._stored = Kept(MOST_KEPT)

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
            key = (statement, *scope.values(), *days, most)
            if (answer := self._answers.find(key, moment.state)) is not None:
                return moment, answer
            stored = self._stored.find(key, moment.version) if moment.is_correctable else None
            corrections: Seen | None = None
            if stored is not None and moment.changes > 0:
                corrections = await _corrections(connection, scope)
                if corrections.state != moment.state:
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
                key = (statement, *scope.values(), *days, most)
                if moment.is_correctable:
                    self._stored.keep(key, moment.version, stored)
        if corrections is not None:
            stored = corrected(stored, corrections.corrections, *days)
        answer = ranked(stored, most)
        self._answers.keep(key, moment.state, answer)
        return moment, answer

    async def flow(
        self, account_id: UUID, window: Window, most: int, *, flow_id: UUID
    ) -> tuple[Moment, FlowFigures]:
        """Return the figures of a flow and its newest comments, and their moment."""
        scope = {"account_id": account_id, "flow_id": flow_id, "most": most}
        async with self._database.reading() as connection:
            moment = await _moment(connection, scope)
            key = ("read_flow", *scope.values(), *window(moment.today))
            if (answer := self._answers.find(key, moment.state)) is not None:
                return moment, answer
            async with self._database.snapshot(connection):
                moment = await _moment(connection, scope)
                days = window(moment.today)
                answer = await _figures(connection, "read_flow", scope, days, moment, FlowFigures)
        self._answers.keep(("read_flow", *scope.values(), *days), moment.state, answer)
        return moment, answer


class Kept:
    """Figures with the state that they are of; so many of those used last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._figures: OrderedDict[Hashable, tuple[Hashable, Any]] = OrderedDict()

    def find(self, key: Hashable, state: Hashable) -> Any:
        """Return the figures if they are of that state, else nothing."""
        kept, figures = self._figures.get(key, (None, None))
        if kept is None or kept != state:
            return None
        self._figures.move_to_end(key)
        return figures

    def keep(self, key: Hashable, state: Hashable, figures: object) -> None:
        if state is None:
            return
        self._figures[key] = (state, figures)
        self._figures.move_to_end(key)
        if len(self._figures) > self._most:
            self._figures.popitem(last=False)


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

    >>> for days, first in cover(date(2026, 3, 1), date(2026, 3, 7)):
    ...     print(days, first)
    1 2026-03-01
    4 2026-03-02
    1 2026-03-06
    1 2026-03-07
    """
    # toordinal() counts from 1 at 0001-01-01, the rollups from 0.
    first, end = day_from.toordinal() - 1, day_to.toordinal()
    spans = []
    while first < end:
        span = next(each for each in SPANS if first % each == 0 and first + each <= end)
        spans.append((span, date.fromordinal(first + 1)))
        first += span
    return spans
