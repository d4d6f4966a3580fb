"""What figures mean, in whole numbers and fractions, for whatever is counted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, sqrt
from typing import Any, NamedTuple, Protocol

Answer = dict[str, Any]
"""A part of the API's JSON."""

OUTCOMES = ("resolved", "escalated", "workaround", "unresolved")
Visit = tuple[datetime, str]


class Counted(Protocol):
    """What the figures count."""

    @property
    def started_on(self) -> date: ...
    @property
    def completed_at(self) -> datetime | None: ...
    @property
    def outcome(self) -> str | None: ...
    @property
    def duration(self) -> timedelta | None: ...
    @property
    def stars(self) -> int | None: ...
    @property
    def engineer_key(self) -> object: ...
    @property
    def visits(self) -> Sequence[Visit]: ...


def half_up(value: Fraction, decimals: int) -> float:
    """Round a figure that is not negative.

    >>> half_up(Fraction(1, 8), 2), half_up(Fraction(5, 100), 1), half_up(Fraction(0), 3)
    (0.13, 0.1, 0.0)
    """
    return float(Fraction(floor(value * 10**decimals + Fraction(1, 2)), 10**decimals))


def share(part: int, whole: int) -> float | None:
    """Return part of whole to 3 decimals; nothing of nothing."""
    return half_up(Fraction(part, whole), 3) if whole else None


def rate(part: int, whole: int) -> float:
    """Return part of whole to 3 decimals; of nothing it is 0, as the compat answers say."""
    return share(part, whole) or 0.0


def interval(part: int, whole: int, *, times: int = 1, decimals: int = 3) -> Answer | None:
    """Return Wilson's interval of a share at 95 %, by its usual formula.

    >>> interval(1, 1)
    {'low': 0.207, 'high': 1.0}
    """
    if not whole:
        return None
    p, z = part / whole, 1.96
    centre, spread = p + z**2 / (2 * whole), z * sqrt(p * (1 - p) / whole + z**2 / (4 * whole**2))
    low, high = ((centre + sign * spread) / (1 + z**2 / whole) for sign in (-1, 1))
    # Where floats miss an end by a hair.
    low, high = max(low, 0.0), min(high, 1.0)
    return {
        "low": half_up(Fraction(low) * times, decimals),
        "high": half_up(Fraction(high) * times, decimals),
    }


def mean(numbers: Sequence[int]) -> float | None:
    return half_up(Fraction(sum(numbers), len(numbers)), 1) if numbers else None


def average_minutes(durations: Iterable[timedelta]) -> float:
    minutes = [Fraction(microseconds(duration), 60_000_000) for duration in durations]
    return half_up(sum(minutes, Fraction(0)) / len(minutes), 1) if minutes else 0.0


def percentile_minutes(durations: Iterable[timedelta], of_all: Fraction) -> float | None:
    """Return the first in order that is not less than so many, to the bucket that it lies in.

    >>> percentile_minutes([timedelta(minutes=m) for m in (1, 2, 30)], Fraction(1, 2))
    2.0
    """
    ordered = sorted(durations)
    if not ordered:
        return None
    found = microseconds(ordered[ceil(of_all * len(ordered)) - 1])
    width = 1
    while found // width >= 64:
        width *= 2
    return half_up(Fraction(found // width * width + width // 2, 60_000_000), 1)


def microseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


def totals(sessions: Iterable[Counted]) -> Answer:
    """Return the figures that summaries and rows of a top 10 share."""
    started = list(sessions)
    durations = [session.duration for session in started if session.duration is not None]
    return {
        "sessions": len(started),
        "completion_rate": rate(len(durations), len(started)),
        "completion_rate_interval": interval(len(durations), len(started)),
        "avg_duration_minutes": average_minutes(durations),
    }


def outcome_counts(sessions: Iterable[Counted]) -> Answer:
    counts = Counter(session.outcome for session in sessions)
    return {outcome: counts[outcome] for outcome in OUTCOMES}


def summary(sessions: Sequence[Counted], stars: Sequence[int], *, of_flow: bool = False) -> Answer:
    """Return the summary of sessions started in a window, and of ratings given in it."""
    figures = totals(sessions)
    completed = [session for session in sessions if session.completed_at is not None]
    durations = [session.duration for session in completed if session.duration is not None]
    good = sum(each >= 4 for each in stars)
    rated = sum(session.stars is not None for session in completed)
    return {
        "total_sessions": figures.pop("sessions"),
        "completed_sessions": len(completed),
        **figures,
        "p50_duration_minutes": percentile_minutes(durations, Fraction(1, 2)),
        "p90_duration_minutes": percentile_minutes(durations, Fraction(9, 10)),
        "outcome_breakdown": outcome_counts(sessions),
        "response_rate": share(rated, len(completed)),
        "response_rate_interval": interval(rated, len(completed)),
        "total_ratings": len(stars),
        "avg_csat": mean(stars),
        "csat_percent": half_up(Fraction(100 * good, len(stars)), 1) if stars else None,
        "csat_percent_interval": interval(good, len(stars), times=100, decimals=1),
        "csat_distribution": {f"rating_{each}": stars.count(each) for each in range(1, 6)},
        "active_engineers": (
            None if of_flow else len({session.engineer_key for session in sessions})
        ),
    }


def time_series(
    sessions: Iterable[Counted], stars: Iterable[tuple[date, int]], days: Iterable[date]
) -> list[Answer]:
    """Return a row for every day: the sessions that started then, and the ratings given then."""
    sessions_on: dict[date, list[Counted]] = {}
    for session in sessions:
        sessions_on.setdefault(session.started_on, []).append(session)
    stars_on: dict[date, list[int]] = {}
    for day, given in stars:
        stars_on.setdefault(day, []).append(given)
    # Most days of a long window have nothing.
    nothing = _figures_of_day([], [])
    return [
        {"date": day.isoformat()}
        | (
            _figures_of_day(sessions_on.get(day, []), stars_on.get(day, []))
            if day in sessions_on or day in stars_on
            else nothing
        )
        for day in days
    ]


def _figures_of_day(sessions: Sequence[Counted], stars: Sequence[int]) -> Answer:
    return {
        "sessions": len(sessions),
        **outcome_counts(sessions),
        "completed": sum(session.completed_at is not None for session in sessions),
        "ratings": len(stars),
        "avg_csat": mean(stars),
    }


class Ways(NamedTuple):
    """How sessions went through a flow, by step, and from step to step."""

    visits: Counter[str]
    entries: Counter[str]
    completions: Counter[str]
    drop_offs: Counter[str]
    passes: Counter[tuple[str, str]]


def ways(sessions: Iterable[Counted]) -> Ways:
    found = Ways(Counter(), Counter(), Counter(), Counter(), Counter())
    for session in sessions:
        steps = [step for _, step in sorted(session.visits)]
        if not steps:
            continue
        found.visits.update(set(steps))
        found.entries[steps[0]] += 1
        ended = found.drop_offs if session.completed_at is None else found.completions
        ended[steps[-1]] += 1
        found.passes.update({(step, then) for step, then in pairwise(steps) if step != then})
    return found


def shown_steps(
    found: Ways, votes: Mapping[tuple[str, bool | None], int], titles: Mapping[str, str]
) -> list[Answer]:
    """Return the steps of a flow: those of today, in their order, then the others by id.

    Args:
        found: how sessions went through it.
        votes: how many there are, by step and what they say.
        titles: of the steps of today, in their order.
    """
    others = {*found.visits, *(step for (step, _), number in votes.items() if number)}
    return [
        {
            "step_id": step,
            "is_current": step in titles,
            "visits": found.visits[step],
            "entries": found.entries[step],
            "completions": found.completions[step],
            "drop_offs": found.drop_offs[step],
            "drop_off": share(found.drop_offs[step], found.visits[step]),
            "drop_off_interval": interval(found.drop_offs[step], found.visits[step]),
            "helpful_yes": votes.get((step, True), 0),
            "helpful_no": votes.get((step, False), 0),
            "helpful_rate": share(
                votes.get((step, True), 0),
                votes.get((step, True), 0) + votes.get((step, False), 0),
            ),
            "helpful_rate_interval": interval(
                votes.get((step, True), 0),
                votes.get((step, True), 0) + votes.get((step, False), 0),
            ),
        }
        for step in [*titles, *sorted(others - titles.keys())]
    ]


def shown_edges(found: Ways) -> list[Answer]:
    return [
        {
            "step_id": step,
            "next_step_id": then,
            "passes": passes,
            "share": share(passes, found.visits[step]),
            "share_interval": interval(passes, found.visits[step]),
        }
        for (step, then), passes in sorted(
            found.passes.items(), key=lambda each: (-each[1], each[0])
        )
    ]
