"""What the read endpoints ask: sums, from which the figures are made at the edge.

Whatever is read is exact at one moment: what the last refresh stored, corrected by the sessions
that changed since. What is stored is read once and kept until something else is; so is what a
pending session contributes, until it changes again; an answer, until anything changes.
"""

from collections.abc import Callable, Hashable
from datetime import date, datetime
from typing import Any, Self, TypeVar, cast
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from psycopg.rows import class_row

from ingest.store.corrections import (
    AccountFigures,
    DayRow,
    Pending,
    Seen,
    Totals,
    corrected,
    ranked,
)
from ingest.store.database import Connection, Database
from ingest.store.kept import Kept, KeptPending
from ingest.store.statements import SQL

T = TypeVar("T", bound=Struct)

MOST_CHANGES = 20_000
"""Beyond so many changes of an account all of it is computed from raw."""
FEW_CHANGES = 500
"""So many are corrected for however small the account is."""
SESSIONS_PER_CHANGE = 8
"""How many sessions are computed from raw in the time that it takes to correct for one."""
SPANS = (256, 64, 16, 4, 1)
"""How many days a rollup may span; see macros/rollup.sql."""
MOST_KEPT = 1_000
MOST_CHANGES_KEPT = 50_000
"""Of all accounts together. One takes about a kilobyte."""

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
    is_all: bool
    """Whether every session of the account may have changed."""
    is_renamed: bool
    stored_sessions: int
    """Not counted where there are few changes."""
    sessions: int = 0
    """How many are pending: known when the figures are."""
    is_too_much: bool = False
    """Whether the figures were computed from raw, as correcting takes longer."""

    @property
    def state(self) -> tuple[UUID | None, int]:
        """What tells two states of the account apart, if `is_told_apart`.

        Every change, to names too, adds to the log. Nothing but a refresh takes from it, and that
        changes the version: so of one version there is one state for each length of the log.
        """
        return self.version, self.changes

    @property
    def is_told_apart(self) -> bool:
        return self.version is not None and self.changes <= MOST_CHANGES

    @property
    def is_correctable(self) -> bool:
        """Whether what is kept of that state, with its names, lacks nothing but corrections."""
        return self.is_told_apart and not self.is_renamed

    def as_in(self, other: Self) -> Self:
        """Return the moment with what was known of another one of the same state."""
        return replace(self, sessions=other.sessions, is_too_much=other.is_too_much)

    def is_too_much_for(self, pending: Pending) -> bool:
        """Say whether to compute all, because to learn what is not known takes longer.

        What was spent on computing all counts towards learning: so whoever reads again and again
        learns before that has taken twice as long as to learn at once.
        """
        unknown = self.changes - pending.changes
        return (
            self.is_all
            or self.changes > MOST_CHANGES
            or (
                unknown > FEW_CHANGES
                and unknown * SESSIONS_PER_CHANGE > self.stored_sessions + pending.spent
            )
        )


class PendingSummary(Struct, frozen=True):
    """What is pending of an account, as a whole."""

    sessions: int
    data_through: datetime | None


class Asked(Struct, frozen=True):
    """Whose figures are asked for, of which days."""

    account_id: UUID
    user_id: UUID | None
    window: Window

    @property
    def statement(self) -> str:
        return "read_account" if self.user_id is None else "read_engineer"

    def days(self, moment: Moment) -> tuple[date, date]:
        return self.window(moment.today)

    def key(self, moment: Moment) -> Hashable:
        return self.account_id, self.user_id, self.days(moment)


class Stored(Struct, frozen=True):
    """Figures as they are stored, and as they were last corrected."""

    totals: Totals
    corrected: Totals
    pending: object
    """What tells what they were corrected by."""
    since: int
    """How much of its journal they have."""


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

    def __init__(
        self,
        database: Database,
        *,
        most_answers: int = MOST_KEPT,
        most_changes: int = MOST_CHANGES_KEPT,
    ) -> None:
        self._database = database
        self._answers = Kept(most_answers)
        self._stored = Kept(MOST_KEPT)
        self._pending = KeptPending(MOST_KEPT, most_changes)

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
        asked = Asked(account_id, user_id, window)
        async with self._database.reading(account_id) as connection:
            moment = await _moment(connection, account_id)
            key = (asked.key(moment), most)
            if (answer := self._answers.find(key, moment.state)) is not None:
                return moment.as_in(answer[0]), answer[1]
            found = await self._by_what_is_kept(connection, asked, moment)
            if found is None:
                async with self._database.snapshot(connection):
                    moment = await _moment(connection, account_id)
                    found = await self._by_what_is_stored(connection, asked, moment)
        moment, totals = found
        figures = ranked(totals, most)
        if moment.is_told_apart:
            self._answers.keep((asked.key(moment), most), moment.state, (moment, figures))
        return moment, figures

    async def _by_what_is_kept(
        self, connection: Connection, asked: Asked, moment: Moment
    ) -> tuple[Moment, Totals] | None:
        """Return the figures without a look at what is stored, if that is kept."""
        stored = self._stored.find(asked.key(moment), moment.version)
        if stored is None or not moment.is_correctable:
            return None
        pending = self._pending.of(asked.account_id, moment.version)
        if moment.is_too_much_for(pending):
            return None
        if not await self._catch_up(connection, asked, moment, pending):
            return None
        return self._correct(asked, moment, stored, pending)

    async def _by_what_is_stored(
        self, connection: Connection, asked: Asked, moment: Moment
    ) -> tuple[Moment, Totals]:
        """Return the figures from a snapshot: from what is stored or, if that is much, from raw."""
        pending = (
            self._pending.of(asked.account_id, moment.version)
            if moment.is_correctable
            else Pending(moment.version)
        )
        is_too_much = moment.is_too_much_for(pending)
        scope = {"account_id": asked.account_id, "user_id": asked.user_id}
        totals = Totals.of(
            await _figures(
                connection,
                asked.statement,
                scope,
                asked.days(moment),
                AccountFigures,
                from_raw=is_too_much,
            )
        )
        if is_too_much:
            pending.spent += moment.stored_sessions
            return await _summed_up(connection, asked.account_id, moment, from_raw=True), totals
        if not await self._catch_up(connection, asked, moment, pending):
            # Others meanwhile learned of changes that this snapshot does not have.
            pending = Pending(moment.version)
            await self._catch_up(connection, asked, moment, pending)
        stored = Stored(totals, totals, pending.identity, 0)
        return self._correct(asked, moment, stored, pending)

    async def _catch_up(
        self, connection: Connection, asked: Asked, moment: Moment, pending: Pending
    ) -> bool:
        """Read what is not known of the pending sessions; say whether that is of this moment."""
        if pending.state != moment.state:
            parameters = {"account_id": asked.account_id, "known": pending.known}
            pending.learn(await _row(connection, "read_corrections", parameters, Seen))
            self._pending.limit()
        return pending.state == moment.state

    def _correct(
        self, asked: Asked, moment: Moment, stored: Stored, pending: Pending
    ) -> tuple[Moment, Totals]:
        is_begun = stored.pending is pending.identity
        totals = corrected(
            stored.corrected if is_begun else stored.totals,
            pending,
            asked.days(moment),
            since=stored.since if is_begun else 0,
            user_id=asked.user_id,
        )
        if moment.is_correctable:
            stored = Stored(stored.totals, totals, pending.identity, len(pending.journal))
            self._stored.keep(asked.key(moment), moment.version, stored)
        return replace(moment, sessions=pending.sessions), totals

    async def flow(
        self, account_id: UUID, window: Window, most: int, *, flow_id: UUID
    ) -> tuple[Moment, FlowFigures]:
        """Return the figures of a flow and its newest comments, and their moment."""
        scope = {"account_id": account_id, "flow_id": flow_id, "most": most}
        async with self._database.reading(account_id) as connection:
            moment = await _moment(connection, account_id)
            key = ("read_flow", *scope.values(), *window(moment.today))
            if (answer := self._answers.find(key, moment.state)) is not None:
                return moment.as_in(answer[0]), answer[1]
            async with self._database.snapshot(connection):
                moment = await _moment(connection, account_id)
                days = window(moment.today)
                from_raw = moment.is_too_much_for(Pending(moment.version))
                figures = await _figures(
                    connection, "read_flow", scope, days, FlowFigures, from_raw=from_raw
                )
                moment = await _summed_up(connection, account_id, moment, from_raw=from_raw)
        if moment.is_told_apart:
            key = ("read_flow", *scope.values(), *days)
            self._answers.keep(key, moment.state, (moment, figures))
        return moment, figures


async def _moment(connection: Connection, account_id: UUID) -> Moment:
    parameters = {
        "account_id": account_id,
        "most_changes": MOST_CHANGES,
        "few_changes": FEW_CHANGES,
    }
    return await _row(connection, "read_moment", parameters, Moment)


async def _summed_up(
    connection: Connection, account_id: UUID, moment: Moment, *, from_raw: bool
) -> Moment:
    """Return the moment with what there is to say of the whole log, of which it saw a part."""
    parameters = {"account_id": account_id}
    pending = await _row(connection, "read_pending", parameters, PendingSummary)
    return replace(
        moment,
        sessions=pending.sessions,
        data_through=pending.data_through,
        is_too_much=from_raw,
    )


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
    kind: type[T],
    *,
    from_raw: bool,
) -> T:
    spans = cover(*days)
    parameters = scope | {
        "day_from": days[0],
        "day_to": days[1],
        "span_days": [span for span, _ in spans],
        "span_from": [day for _, day in spans],
        "from_raw": from_raw,
    }
    if from_raw:
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
