"""What is stored of an account, corrected by its pending sessions.

Every figure is a sum, so a correction is an addition: what the pending sessions contribute now
counts once, what is stored of them minus once.
"""

from collections.abc import Callable, Hashable, Iterable
from datetime import date
from operator import add, attrgetter
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

R = TypeVar("R", bound=Struct)
UNKNOWN = "Unknown"


class DayRow(Struct, frozen=True):
    day: date
    sessions: int = 0
    completed: int = 0
    duration_microseconds: int = 0
    resolved: int = 0
    escalated: int = 0
    workaround: int = 0
    unresolved: int = 0


class FlowRow(Struct, frozen=True):
    flow_id: UUID
    name: str
    sessions: int = 0
    completed: int = 0
    duration_microseconds: int = 0
    ratings: int = 0
    rating_points: int = 0


class EngineerRow(Struct, frozen=True):
    user_id: UUID
    name: str
    sessions: int = 0
    completed: int = 0
    duration_microseconds: int = 0


class AccountFigures(Struct, frozen=True):
    """Days, flows and engineers with a session in a window, or once with one."""

    days: list[DayRow]
    flows: list[FlowRow]
    engineers: list[EngineerRow]


class Contribution(Struct, frozen=True, array_like=True):
    """What a session contributes, or with a minus had contributed when it was stored."""

    day: date
    rating_day: date | None
    flow_id: UUID
    user_id: UUID
    sessions: int
    completed: int
    duration_microseconds: int
    resolved: int
    escalated: int
    workaround: int
    unresolved: int
    ratings: int
    rating_points: int


class Corrections(Struct, frozen=True):
    """As read_corrections.sql has them, with the names of whatever they mention."""

    contributions: list[Contribution]
    flow_names: dict[UUID, str]
    user_names: dict[UUID, str]


OF_DAYS = (
    "sessions",
    "completed",
    "duration_microseconds",
    "resolved",
    "escalated",
    "workaround",
    "unresolved",
)
OF_SESSIONS = ("sessions", "completed", "duration_microseconds")
OF_RATINGS = ("ratings", "rating_points")


def corrected(
    stored: AccountFigures, corrections: str, day_from: date, day_to: date
) -> AccountFigures:
    """Return the figures with the corrections, as JSON, that lie in their window."""
    found = msgspec.json.decode(corrections, type=Corrections)
    started = [each for each in found.contributions if day_from <= each.day <= day_to]
    rated = [
        each
        for each in found.contributions
        if each.rating_day is not None and day_from <= each.rating_day <= day_to
    ]

    def new_flow(flow_id: UUID) -> FlowRow:
        return FlowRow(flow_id, found.flow_names.get(flow_id, UNKNOWN))

    def new_engineer(user_id: UUID) -> EngineerRow:
        return EngineerRow(user_id, found.user_names.get(user_id, UNKNOWN))

    return AccountFigures(
        days=_add(stored.days, "day", DayRow, (started, OF_DAYS)),
        flows=_add(stored.flows, "flow_id", new_flow, (started, OF_SESSIONS), (rated, OF_RATINGS)),
        engineers=_add(stored.engineers, "user_id", new_engineer, (started, OF_SESSIONS)),
    )


def ranked(figures: AccountFigures, most: int) -> AccountFigures:
    """Return the figures with the flows and engineers of most sessions; ties by name, then id."""
    return AccountFigures(
        days=figures.days,
        flows=_first(figures.flows, lambda flow: (-flow.sessions, flow.name, flow.flow_id), most),
        engineers=_first(
            figures.engineers, lambda user: (-user.sessions, user.name, user.user_id), most
        ),
    )


def _first(rows: Iterable[Any], rank: Callable[[Any], Any], most: int) -> list[Any]:
    return sorted((row for row in rows if row.sessions > 0), key=rank)[:most]


def _add(
    rows: list[R],
    key: str,
    new: Callable[[Any], R],
    *parts: tuple[list[Contribution], tuple[str, ...]],
) -> list[R]:
    """Return the rows with the named measures of the contributions added to those of their key."""
    key_of = attrgetter(key)
    by_key = {key_of(row): row for row in rows}
    for contributions, measures in parts:
        amounts_of = attrgetter(*measures)
        sums: dict[Hashable, tuple[int, ...]] = {}
        for each in contributions:
            found = key_of(each)
            if own := sums.get(found):
                sums[found] = tuple(map(add, own, amounts_of(each)))
            else:
                sums[found] = amounts_of(each)
        for found, own in sums.items():
            row = by_key.get(found) or new(found)
            added = map(add, amounts_of(row), own)
            by_key[found] = replace(row, **dict(zip(measures, added, strict=True)))
    return list(by_key.values())
