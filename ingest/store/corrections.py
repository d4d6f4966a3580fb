"""What is stored of an account, corrected by its pending sessions.

Every figure is a sum, so a correction is an addition: what the pending sessions contribute now
counts once, what is stored of them minus once.
"""

from collections.abc import Callable, Iterable
from datetime import date
from itertools import islice
from operator import add, attrgetter, neg
from typing import Any, Self, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

R = TypeVar("R", bound=Struct)
UNKNOWN = "Unknown"


class DayRow(Struct, frozen=True, gc=False):
    day: date
    sessions: int = 0
    completed: int = 0
    duration_microseconds: int = 0
    resolved: int = 0
    escalated: int = 0
    workaround: int = 0
    unresolved: int = 0
    rated: int = 0
    ratings: int = 0
    rating_points: int = 0
    rating_1: int = 0
    rating_2: int = 0
    rating_3: int = 0
    rating_4: int = 0
    rating_5: int = 0


class FlowRow(Struct, frozen=True, gc=False):
    flow_id: UUID
    name: str
    sessions: int = 0
    completed: int = 0
    duration_microseconds: int = 0
    ratings: int = 0
    rating_points: int = 0


class EngineerRow(Struct, frozen=True, gc=False):
    user_id: UUID
    name: str
    sessions: int = 0
    completed: int = 0
    duration_microseconds: int = 0


class AccountFigures(Struct, frozen=True):
    """Days, flows and engineers with a session or a rating in a window, or once with one."""

    days: list[DayRow]
    flows: list[FlowRow]
    engineers: list[EngineerRow]
    durations: dict[int, int]
    """How many sessions are completed, by the bucket of how long they took (microseconds)."""
    active_engineers: int = 0
    """How many have a session in the window, however many of them are listed."""


class Totals(Struct, frozen=True):
    """The same by day, flow and engineer. Never changed, as others may read it."""

    days: dict[date, DayRow]
    flows: dict[UUID, FlowRow]
    engineers: dict[UUID, EngineerRow]
    durations: dict[int, int]

    @classmethod
    def of(cls, figures: AccountFigures) -> Self:
        return cls(
            days={row.day: row for row in figures.days},
            flows={row.flow_id: row for row in figures.flows},
            engineers={row.user_id: row for row in figures.engineers},
            durations=figures.durations,
        )


class Contribution(Struct, frozen=True, array_like=True, gc=False):
    """What counts for a day, a flow and an engineer: of a session, or to be added for it."""

    day: date
    rating_day: date | None
    flow_id: UUID
    user_id: UUID
    duration_bucket: int | None
    """Where one more counts."""
    former_bucket: int | None
    """Where one less counts."""
    sessions: int
    completed: int
    duration_microseconds: int
    resolved: int
    escalated: int
    workaround: int
    unresolved: int
    ratings: int
    rating_points: int
    rating_1: int
    rating_2: int
    rating_3: int
    rating_4: int
    rating_5: int


class Correction(Struct, frozen=True, array_like=True, gc=False):
    """What a session contributes now, less what is stored of it."""

    session_id: UUID
    more: Contribution | None
    less: Contribution | None
    """What is stored, with a minus, where it counted for another day, flow or engineer."""


class Corrections(Struct, frozen=True):
    """As read_corrections.sql has them, with the names that no stored row may have."""

    sessions: list[Correction]
    flow_names: dict[UUID, str]
    user_names: dict[UUID, str]


class Seen(Struct, frozen=True):
    """Corrections, as JSON, with the state that they were read in."""

    version: UUID | None
    changes: int
    change_ids: str | None
    """Of the log rows that were not known before, with commas between."""
    corrections: str


class Pending:
    """The pending sessions of an account, as far as they were read.

    Whatever is written to a session comes with a log row in the same transaction, and what is
    stored is another version when it changes. So a session without a new log row contributes what
    it did, while the version stays; and the later of two readings of a version has seen all log
    rows that the earlier one saw, and perhaps more.

    Not to be used where a name may have changed: names are kept, too.
    """

    def __init__(self, version: UUID | None) -> None:
        self.identity = object()
        """What others may keep to tell it by, without keeping it."""
        self.version = version
        self.changes = 0
        self.spent = 0
        """How many sessions were computed instead of learning what is pending."""
        self.flow_names: dict[UUID, str] = {}
        self.user_names: dict[UUID, str] = {}
        self.journal: list[Contribution] = []
        """What adds up to the corrections; it only ever grows."""
        self._change_ids: list[str] = []
        self._sessions: dict[UUID, Correction] = {}

    @property
    def state(self) -> tuple[UUID | None, int]:
        """As a moment's; see reads.py."""
        return self.version, self.changes

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    @property
    def known(self) -> str:
        """The ids of the log rows that were read, as an array of PostgreSQL."""
        return "{" + ",".join(self._change_ids) + "}"

    def learn(self, seen: Seen) -> None:
        """Take in what was read by someone who knew no more than is known by now.

        Nothing is taken of another version, nor of a reading that saw less than is known by now.
        """
        if seen.version != self.version or seen.changes <= self.changes:
            return
        found = msgspec.json.decode(seen.corrections, type=Corrections)
        for session in found.sessions:
            before = self._sessions.get(session.session_id)
            if before is not None:
                self.journal += [_negative(each) for each in (before.more, before.less) if each]
            self.journal += [each for each in (session.more, session.less) if each]
            self._sessions[session.session_id] = session
        self.flow_names |= found.flow_names
        self.user_names |= found.user_names
        if seen.change_ids is not None:
            self._change_ids.append(seen.change_ids)
        self.changes = seen.changes


def _negative(contribution: Contribution) -> Contribution:
    place, measures = OF_PLACE(contribution), OF_MEASURES(contribution)
    return Contribution(
        *place, contribution.former_bucket, contribution.duration_bucket, *map(neg, measures)
    )


OF_PLACE = attrgetter("day", "rating_day", "flow_id", "user_id")
SESSION_MEASURES = (
    "sessions",
    "completed",
    "duration_microseconds",
    "resolved",
    "escalated",
    "workaround",
    "unresolved",
)
RATING_MEASURES = (
    "ratings",
    "rating_points",
    "rating_1",
    "rating_2",
    "rating_3",
    "rating_4",
    "rating_5",
)
OF_MEASURES = attrgetter(*SESSION_MEASURES, *RATING_MEASURES)
OF_DAYS = attrgetter(*SESSION_MEASURES, "rated", *RATING_MEASURES)
# A rating is one of its session's, on the day that started, and one of the day it was given on.
OF_STARTED = attrgetter(*SESSION_MEASURES, "ratings")
OF_RATED = attrgetter(*RATING_MEASURES)
OF_SESSIONS = attrgetter("sessions", "completed", "duration_microseconds")
OF_RATINGS = attrgetter("ratings", "rating_points")
OF_FLOWS = attrgetter("sessions", "completed", "duration_microseconds", "ratings", "rating_points")
NOTHING_STARTED = (0,) * (len(SESSION_MEASURES) + 1)
NOTHING_RATED = (0,) * len(RATING_MEASURES)

Sums = dict[Any, tuple[int, ...]]


def corrected(
    totals: Totals,
    pending: Pending,
    window: tuple[date, date],
    *,
    since: int = 0,
    user_id: UUID | None = None,
) -> Totals:
    """Return the totals with what lies in their window of the pending sessions.

    Args:
        totals: what is stored, or that with the first corrections.
        pending: has the corrections.
        window: the first and the last day.
        since: how much of the journal is in the totals already.
        user_id: the engineer whose figures they are, if they are not the account's.
    """
    days: Sums = {}
    flows: Sums = {}
    engineers: Sums = {}
    durations = dict(totals.durations)
    day_from, day_to = window
    for each in islice(pending.journal, since, None):
        if user_id is not None and each.user_id != user_id:
            continue
        if day_from <= each.day <= day_to:
            _add(days, each.day, OF_STARTED(each) + NOTHING_RATED)
            if each.duration_bucket != each.former_bucket:
                _count(durations, each.duration_bucket, 1)
                _count(durations, each.former_bucket, -1)
            own = OF_SESSIONS(each)
            # Often it is the outcome alone that has changed.
            if own != (0, 0, 0):
                _add(flows, each.flow_id, (*own, 0, 0))
                _add(engineers, each.user_id, own)
        if each.rating_day is not None and day_from <= each.rating_day <= day_to:
            _add(days, each.rating_day, NOTHING_STARTED + OF_RATED(each))
            _add(flows, each.flow_id, (0, 0, 0, *OF_RATINGS(each)))
    return Totals(
        days=_with(totals.days, days, OF_DAYS, DayRow),
        flows=_with(
            totals.flows,
            flows,
            OF_FLOWS,
            lambda flow_id: FlowRow(flow_id, pending.flow_names.get(flow_id, UNKNOWN)),
        ),
        engineers=_with(
            totals.engineers,
            engineers,
            OF_SESSIONS,
            lambda user_id: EngineerRow(user_id, pending.user_names.get(user_id, UNKNOWN)),
        ),
        durations=durations,
    )


def ranked(totals: Totals, most: int) -> AccountFigures:
    """Return the flows and engineers of most sessions, and all days; ties by name, then id."""
    return AccountFigures(
        days=list(totals.days.values()),
        flows=_first(
            totals.flows.values(), lambda flow: (-flow.sessions, flow.name, flow.flow_id), most
        ),
        engineers=_first(
            totals.engineers.values(), lambda user: (-user.sessions, user.name, user.user_id), most
        ),
        durations=totals.durations,
        active_engineers=sum(user.sessions > 0 for user in totals.engineers.values()),
    )


def _first(rows: Iterable[Any], rank: Callable[[Any], Any], most: int) -> list[Any]:
    found = [row for row in rows if row.sessions > 0]
    if len(found) > most:
        # To rank takes longer than to count.
        least = sorted([row.sessions for row in found], reverse=True)[most - 1]
        found = [row for row in found if row.sessions >= least]
    return sorted(found, key=rank)[:most]


def _add(sums: Sums, key: Any, amounts: tuple[int, ...]) -> None:
    own = sums.get(key)
    sums[key] = amounts if own is None else tuple(map(add, own, amounts))


def _count(durations: dict[int, int], bucket: int | None, amount: int) -> None:
    if bucket is not None:
        durations[bucket] = durations.get(bucket, 0) + amount


def _with(
    rows: dict[Any, R],
    sums: Sums,
    measures_of: Callable[[R], tuple[int, ...]],
    new: Callable[[Any], R],
) -> dict[Any, R]:
    """Return the rows with the sums of the named measures, their last fields, added to them."""
    added = dict(rows)
    for key, own in sums.items():
        if any(own):
            row = rows.get(key) or new(key)
            others = astuple(row)[: -len(own)]
            added[key] = type(row)(*others, *map(add, measures_of(row), own))
    return added
