"""What the read endpoints ask: sums, from which the figures are made at the edge.

Whatever is read is exact at one moment: what the last refresh stored, corrected by the sessions
that changed since. What is stored is read once and kept until something else is; so is what a
pending session contributes, until it changes again; an answer, until anything changes.
"""

import math
import time
from collections.abc import Callable, Hashable, Sequence
from datetime import date, datetime
from datetime import time as datetime_time
from hashlib import sha256
from typing import Any, Generic, Self, TypeVar, cast
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace
from psycopg.rows import class_row

from ingest.encoded import Encoded
from ingest.figures import Figures, Quotient
from ingest.privacy import Viewer
from ingest.problems import MartsNotBuilt
from ingest.store.checks import read_failing_checks
from ingest.store.comment_lists import open_flows
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
from ingest.store.reading import ReadingConnection
from ingest.store.statements import SQL

T = TypeVar("T", bound=Struct)
F = TypeVar("F")

MOST_CHANGES = 20_000
"""Beyond so many changes of an account all of it is computed from raw."""
FEW_CHANGES = 200
"""So many are corrected for however small the account is."""
SESSIONS_PER_CHANGE = 20
"""How many sessions are computed from raw in the time that it takes to correct for one."""
SPANS = (256, 64, 16, 4, 1)
"""How many days a rollup may span; see macros/rollup.sql."""
FLOW_DURATION_SPANS = (256, 16, 1)
"""How many days flow_durations may span."""
FIGURES_SECONDS = 15.0
"""How soon another definition of a figure is heard of, and a check that fails or passes again."""
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
    def minute(self) -> datetime:
        """When it began: the window before may end with it."""
        return self.as_of.replace(second=0, microsecond=0)

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


class FigureRow(Struct, frozen=True):
    name: str
    definition: dict[str, Any]


class PendingSummary(Struct, frozen=True):
    """What is pending of an account, as a whole."""

    sessions: int
    data_through: datetime | None


class Asked(Struct, frozen=True):
    """Whose figures are asked for, of which days."""

    account_id: UUID
    user_id: UUID | None
    window: Window
    previous: bool
    """Whether the window before is, too."""

    @property
    def statement(self) -> str:
        return "read_account" if self.user_id is None else "read_engineer"

    def days(self, moment: Moment) -> tuple[date, date]:
        return self.window(moment.today)

    def key(self, moment: Moment) -> Hashable:
        return self.account_id, self.user_id, self.days(moment)

    def answer_key(self, moment: Moment, most: int) -> Hashable:
        return (
            *cast("tuple[Hashable, ...]", self.key(moment)),
            most,
            moment.minute if self.previous else None,
        )


class Stored(Struct, frozen=True):
    """Figures as they are stored, and as they were last corrected."""

    totals: Totals
    corrected: Totals
    pending: object
    """What tells what they were corrected by."""
    since: int
    """How much of its journal they have."""


class PreviousRow(Struct, frozen=True):
    """The figures of the window before, and which that is."""

    previous_from: date
    previous_to: date
    previous_until: datetime_time | None
    sessions: int
    completed: int
    resolved: int
    escalated: int
    workaround: int
    unresolved: int
    rated: int
    ratings: int
    rating_1: int
    rating_2: int
    rating_3: int
    rating_4: int
    rating_5: int
    completion_rate: float | None
    avg_duration_minutes: float | None
    p50_duration_minutes: float | None
    p90_duration_minutes: float | None
    response_rate: float | None
    avg_csat: float | None
    csat_percent: float | None
    active_engineers: int | None
    """Not of a flow."""


class StepRow(Struct, frozen=True):
    step_id: str
    title: str
    is_current: bool
    visits: int
    entries: int
    completions: int
    drop_offs: int
    helpful_yes: int
    helpful_no: int


class EdgeRow(Struct, frozen=True):
    step_id: str
    next_step_id: str
    passes: int


class CommentRow(Struct, frozen=True):
    rating: int
    comment: str
    user_name: str
    created_at: datetime


class FlowFigures(Struct, frozen=True):
    """Days with a session or a rating, in no order; steps in theirs, comments newest first."""

    is_known: bool
    name: str
    days: list[DayRow]
    durations: dict[int, int]
    """As those of an account."""
    steps: list[StepRow]
    edges: list[EdgeRow]
    """The most used first."""
    comments: list[CommentRow]


class Found(Struct, Generic[F], frozen=True):
    """Figures with the moment that they are of."""

    moment: Moment
    figures: F
    previous: PreviousRow | None
    """Those of the window before, if they were asked for."""
    name: Hashable | None
    """What tells them from all others, of other accounts, moments and questions; if anything."""
    encoded: dict[str, Encoded] = msgspec.field(default_factory=dict)
    """Kept with them by whoever makes answers of them, by kind."""


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
        self._figures = Figures({}, "")
        self._figures_read_at = -math.inf

    async def figures(self, account_id: UUID) -> Figures:
        """Return what the figures are, and which checks fail, as dbt wrote it down.

        No more than some seconds ago: then it is read again.

        Args:
            account_id: who asks; they are everybody's.

        Raises:
            MartsNotBuilt: it has not yet.
            Unavailable: the pool is full or the database away.
        """
        if time.monotonic() - self._figures_read_at > FIGURES_SECONDS:
            async with (
                self._database.reading(account_id) as connection,
                connection.cursor(row_factory=class_row(FigureRow)) as cursor,
            ):
                rows = await (await cursor.execute(SQL["read_figures"])).fetchall()
                failing = await read_failing_checks(connection)
            if not rows:
                raise MartsNotBuilt("The figures have not been computed yet: run `upshot refresh`.")
            figures = Figures(
                {row.name: msgspec.convert(row.definition, Quotient) for row in rows},
                version=sha256(repr((rows, failing)).encode()).hexdigest(),
                failing=failing,
            )
            if figures != self._figures:
                self._figures = figures
            self._figures_read_at = time.monotonic()
        return self._figures

    async def account(
        self,
        account_id: UUID,
        window: Window,
        most: int,
        *,
        user_id: UUID | None = None,
        previous: bool = False,
    ) -> Found[AccountFigures]:
        """Return the figures of an account, or of one engineer in it, and their moment.

        Args:
            account_id: whose.
            window: what days they are of.
            most: how many flows and engineers.
            user_id: the engineer.
            previous: whether to return those of the window before, too.
        """
        asked = Asked(account_id, user_id, window, previous)
        before = None
        async with self._database.reading(account_id) as connection:
            moment = await read_moment(connection, account_id)
            kept = self._kept(asked.answer_key(moment, most), moment, AccountFigures)
            if kept is not None:
                return kept
            found = None if previous else await self._by_what_is_kept(connection, asked, moment)
            if found is None:
                async with self._database.snapshot(connection):
                    moment = await read_moment(connection, account_id)
                    found = await self._by_what_is_stored(connection, asked, moment)
                    if previous:
                        before = await _previous(
                            connection,
                            "account" if user_id is None else "engineer",
                            {"account_id": account_id, "user_id": user_id},
                            asked.days(moment),
                        )
        moment, totals = found
        return self._keep(asked.answer_key(moment, most), moment, ranked(totals, most), before)

    def _kept(self, key: Hashable, moment: Moment, _: type[F]) -> Found[F] | None:
        found: Found[F] | None = self._answers.find(key, moment.state)
        return found and replace(found, moment=moment.as_in(found.moment))

    def _keep(
        self,
        key: Hashable,
        moment: Moment,
        figures: F,
        previous: PreviousRow | None,
    ) -> Found[F]:
        found = Found(
            moment, figures, previous, (moment.state, key) if moment.is_told_apart else None
        )
        if moment.is_told_apart:
            self._answers.keep(key, moment.state, found)
        return found

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
        statement = "read_account_from_raw" if is_too_much else asked.statement
        totals = Totals.of(
            await _figures(
                connection,
                statement,
                scope,
                asked.days(moment),
                AccountFigures,
                from_raw=is_too_much,
            )
        )
        if is_too_much:
            pending.spent += moment.stored_sessions
            return await summed_up(connection, asked.account_id, moment, from_raw=True), totals
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
        self,
        account_id: UUID,
        window: Window,
        most: int,
        *,
        flow_id: UUID,
        viewer: Viewer,
        previous: bool = False,
    ) -> Found[FlowFigures]:
        """Return the figures of a flow and its newest comments for the viewer, and their moment."""
        scope = {"account_id": account_id, "flow_id": flow_id, "most": most, **asdict(viewer)}
        asked = Asked(account_id, flow_id, window, previous)
        before = None
        async with self._database.reading(account_id) as connection:
            moment = await read_moment(connection, account_id)
            key = ("read_flow", asked.answer_key(moment, most), viewer)
            if (kept := self._kept(key, moment, FlowFigures)) is not None:
                return kept
            async with self._database.snapshot(connection):
                moment = await read_moment(connection, account_id)
                days = window(moment.today)
                from_raw = moment.is_too_much_for(Pending(moment.version))
                durations = cover(*days, FLOW_DURATION_SPANS)
                more = {
                    "duration_span_days": [span for span, _ in durations],
                    "duration_span_from": [day for _, day in durations],
                    "is_open": bool(await open_flows(connection, account_id, viewer, flow_id)),
                }
                figures = await _figures(
                    connection, "read_flow", scope | more, days, FlowFigures, from_raw=from_raw
                )
                moment = await summed_up(connection, account_id, moment, from_raw=from_raw)
                if previous:
                    before = await _previous(connection, "flow", scope, days)
        key = ("read_flow", asked.answer_key(moment, most), viewer)
        return self._keep(key, moment, figures, before)


async def _previous(
    connection: Connection, scope: str, who: dict[str, Any], days: tuple[date, date]
) -> PreviousRow | None:
    """Return the figures of the window before; of an account that nobody knows there are none."""
    await connection.execute(SQL["set_window"], {"day_from": days[0], "day_to": days[1]})
    rows = await _rows(connection, f"read_previous_of_{scope}", who, PreviousRow)
    return rows[0] if rows else None


async def read_moment(connection: ReadingConnection, account_id: UUID) -> Moment:
    parameters: dict[str, UUID | int] = {
        "account_id": account_id,
        "most_changes": MOST_CHANGES,
        "few_changes": FEW_CHANGES,
    }
    return await connection.look_up("read_moment", parameters, Moment)


async def summed_up(
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
    return (await _rows(connection, statement, parameters, kind))[0]


async def _rows(
    connection: Connection, statement: str, parameters: dict[str, Any], kind: type[T]
) -> list[T]:
    async with connection.cursor(row_factory=class_row(kind)) as cursor:
        return await (await cursor.execute(SQL[statement], parameters)).fetchall()


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


def cover(day_from: date, day_to: date, lengths: Sequence[int] = SPANS) -> list[tuple[int, date]]:
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
        span = next(each for each in lengths if first % each == 0 and first + each <= end)
        spans.append((span, date.fromordinal(first + 1)))
        first += span
    return spans
