"""The figures of a real incident log, reckoned from its CSV alone, to hold the API's answers to.

Nothing here knows the API, the database or the events that the API was sent: it is the csv module,
zoneinfo and whole numbers. Ids do not occur in the log, so flows go by their category, engineers by
their name, and steps by the slug of their title.

How the log is read, one incident a session:

- rows count in the order of the file, which is that of the incident's history even where the
  times of its first rows are not;
- the flow is the last known category, the engineer the last known assignee, else the resolver;
- a step is visited when the state differs from the row before, but not before the session started;
- the last row says whether it was a workaround (a problem record), else escalated (reassigned),
  and whether a knowledge document served, which is the vote on the step `resolved`;
- times are local to São Paulo, and none of them falls into an hour that a change of clocks
  repeats or leaves out.
"""

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from figure_oracle import (
    Answer,
    rate,
    shown_edges,
    shown_steps,
    summary,
    time_series,
    totals,
    ways,
)

ZONE = ZoneInfo("America/Sao_Paulo")
STEPS = (
    "New",
    "Active",
    "Awaiting User Info",
    "Awaiting Evidence",
    "Awaiting Vendor",
    "Awaiting Problem",
    "Resolved",
    "Closed",
)
_UNKNOWN = "?"


@dataclass(frozen=True, kw_only=True)
class Session:
    """An incident as a session; the times are UTC."""

    number: str
    flow: str
    engineer: str
    started_at: datetime
    completed_at: datetime | None
    outcome: str | None
    visits: tuple[tuple[datetime, str], ...]
    helpful: bool | None

    stars = None
    """Nobody rated anything in the log."""

    @property
    def engineer_key(self) -> str:
        return self.engineer

    @property
    def started_on(self) -> date:
        return self.started_at.astimezone(ZONE).date()

    @property
    def voted_on(self) -> date | None:
        """The day of the vote on the step `resolved`, which is cast as the session completes."""
        return self.completed_at.astimezone(ZONE).date() if self.completed_at else None

    @property
    def duration(self) -> timedelta | None:
        return self.completed_at - self.started_at if self.completed_at else None


@dataclass(frozen=True)
class Window:
    """Local days, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last


@dataclass(frozen=True)
class Oracle:
    """What the read API must answer for the log's account and an explicit window."""

    sessions: tuple[Session, ...]
    flows: frozenset[str]
    """Every category in the log; in some no session ended up."""

    @property
    def engineers(self) -> frozenset[str]:
        return frozenset(session.engineer for session in self.sessions)

    def team(self, window: Window, engineer: str | None = None) -> Answer:
        """Answer `GET /analytics/team`, perhaps with `engineer_id`."""
        sessions = [
            session
            for session in self._started_in(window)
            if engineer is None or session.engineer == engineer
        ]
        return {
            "summary": summary(sessions, []),
            "time_series": time_series(sessions, [], window.days),
            "top_flows": top_flows(sessions),
            "top_engineers": top(sessions, lambda session: session.engineer),
        }

    def me(self, engineer: str, window: Window) -> Answer:
        """Answer `GET /analytics/me` for that engineer's token."""
        team = self.team(window, engineer)
        return {part: team[part] for part in ("summary", "time_series", "top_flows")}

    def flow(self, category: str, window: Window) -> Answer:
        """Answer `GET /analytics/flows/{flow_id}`."""
        if category not in self.flows:
            raise KeyError(category)
        sessions = [session for session in self._started_in(window) if session.flow == category]
        return {
            "name": category,
            "summary": summary(sessions, [], of_flow=True),
            "avg_csat": None,
            "total_ratings": 0,
            "time_series": time_series(sessions, [], window.days),
            "step_feedback": self._step_feedback(category, window),
            "steps": [
                {"title": TITLES[step["step_id"]]} | step
                for step in shown_steps(
                    ways(sessions),
                    {
                        ("resolved", helpful): number
                        for helpful, number in self._votes(category, window).items()
                    },
                    TITLES,
                )
            ],
            "edges": shown_edges(ways(sessions)),
            "recent_comments": [],
        }

    def _started_in(self, window: Window) -> list[Session]:
        return [session for session in self.sessions if session.started_on in window]

    def _step_feedback(self, category: str, window: Window) -> list[Answer]:
        votes = self._votes(category, window)
        none: Counter[bool | None] = Counter()
        return [
            {
                "node_id": slug(title),
                "node_title": title,
                "helpful_yes": of_step[True],
                "helpful_no": of_step[False],
                "helpful_rate": rate(of_step[True], of_step[True] + of_step[False]),
            }
            for title in STEPS
            for of_step in [votes if title == "Resolved" else none]
        ]

    def _votes(self, category: str, window: Window) -> Counter[bool | None]:
        """Count votes by the day they were cast, whenever their session started."""
        return Counter(
            session.helpful
            for session in self.sessions
            if session.flow == category and session.voted_on in window
        )


# --- figures ------------------------------------------------------------------------------------


def top(sessions: list[Session], name_of: Callable[[Session], str]) -> list[Answer]:
    """Rank by sessions, then name. No two flows and no two engineers of the log share a name."""
    groups: dict[str, list[Session]] = {}
    for session in sessions:
        groups.setdefault(name_of(session), []).append(session)
    ranked = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return [{"name": name, **totals(of_name)} for name, of_name in ranked[:10]]


def top_flows(sessions: list[Session]) -> list[Answer]:
    return [
        {**row, "avg_csat": None, "ratings": 0}
        for row in top(sessions, lambda session: session.flow)
    ]


# --- the log ------------------------------------------------------------------------------------


def read_log(path: Path) -> Oracle:
    """Read the CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    histories: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        histories.setdefault(row["number"], []).append(row)
    return Oracle(
        sessions=tuple(session_of(history) for history in histories.values()),
        flows=frozenset(known(row["category"]) or "Uncategorised" for row in rows),
    )


def session_of(history: list[dict[str, str]]) -> Session:
    """Read one incident's rows."""
    last = history[-1]
    started_at = moment(last["opened_at"])
    completed_at = moment(last["resolved_at"]) if known(last["resolved_at"]) else None
    if known(last["problem_id"]):
        outcome = "workaround"
    elif int(last["reassignment_count"]) > 0:
        outcome = "escalated"
    else:
        outcome = "resolved"
    return Session(
        number=last["number"],
        flow=last_known(history, "category") or "Uncategorised",
        engineer=last_known(history, "assigned_to") or last["resolved_by"],
        started_at=started_at,
        completed_at=completed_at,
        outcome=outcome if completed_at else None,
        visits=tuple(
            (max(started_at, moment(row["sys_updated_at"])), slug(row["incident_state"]))
            for before, row in zip([None, *history], history, strict=False)
            if before is None or before["incident_state"] != row["incident_state"]
        ),
        helpful=last["knowledge"] == "TRUE" if completed_at else None,
    )


def moment(local: str) -> datetime:
    """Return the instant of a time in the log.

    >>> moment("29-02-2016 01:16").isoformat()
    '2016-02-29T04:16:00+00:00'
    """
    first, second = (
        datetime.strptime(local, "%d-%m-%Y %H:%M").replace(tzinfo=ZONE, fold=fold).astimezone(UTC)
        for fold in (0, 1)
    )
    if first != second:
        raise ValueError(f"{local} happened twice or never in {ZONE.key}")
    return first


def known(value: str) -> str | None:
    return None if value == _UNKNOWN else value


def last_known(history: list[dict[str, str]], column: str) -> str | None:
    return next((row[column] for row in reversed(history) if known(row[column])), None)


def slug(title: str) -> str:
    """Return the id of the step with that title.

    >>> slug("Awaiting User Info")
    'awaiting-user-info'
    """
    return title.lower().replace(" ", "-")


TITLES = {slug(title): title for title in STEPS}
