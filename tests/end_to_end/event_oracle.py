"""The figures of an account, reckoned in plain Python from the events that it sent.

Which events stand is said by raw_oracle, what the figures mean here: whole numbers, zoneinfo and
no database. The sums of a window are those that the real incident log is held to.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from figure_oracle import (
    Answer,
    Visit,
    mean,
    rate,
    shown_edges,
    shown_steps,
    summary,
    time_series,
    totals,
    ways,
)
from incident_oracle import Window
from raw_oracle import NIL, Row, Rows, zone_of

TOP = 10


@dataclass(frozen=True, kw_only=True)
class Session:
    """A session that has started, with its rating once it has completed, too."""

    session_id: UUID
    flow_id: UUID
    user_id: UUID
    started_on: date
    completed_at: datetime | None
    duration: timedelta | None
    outcome: str | None
    rating: Row | None
    rated_on: date | None
    visits: tuple[Visit, ...]

    @property
    def stars(self) -> int | None:
        return self.rating["rating"] if self.rating else None

    @property
    def engineer_key(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, kw_only=True)
class Vote:
    """A vote that stands and was not withdrawn."""

    session_id: UUID
    flow_id: UUID
    step_id: str
    was_helpful: bool
    cast_on: date


@dataclass(frozen=True)
class EventOracle:
    """What the read API must answer for an account whose raw tables have these rows."""

    rows: Rows
    sessions: list[Session] = field(init=False)
    votes: list[Vote] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sessions", self._sessions())
        object.__setattr__(self, "votes", self._votes())

    @property
    def zone(self) -> str:
        return zone_of(self.rows)

    def day(self, moment: datetime) -> date:
        """Return the day of a moment where the account is."""
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def team(self, window: Window, engineer: UUID | None = None) -> Answer:
        """Answer `GET /analytics/team`, perhaps with `engineer_id`."""
        asked_for = [session for session in self.sessions if engineer in {None, session.user_id}]
        started = [session for session in asked_for if session.started_on in window]
        given = _given(asked_for, window)
        flows = [
            {**row, "avg_csat": mean(own), "ratings": len(own)}
            for row in _top(started, "flow_id", "tree_id", self._names("flows", "flow_id"))
            for own in [_ratings(asked_for, window, row["tree_id"])]
        ]
        return {
            "summary": summary(started, [stars for _, stars in given]),
            "time_series": time_series(started, given, window.days),
            "top_flows": flows,
            "top_engineers": _top(started, "user_id", "user_id", self._names("users", "user_id")),
        }

    def me(self, engineer: UUID, window: Window) -> Answer:
        """Answer `GET /analytics/me` for that engineer's token."""
        team = self.team(window, engineer)
        return {part: team[part] for part in ("summary", "time_series", "top_flows")}

    def flow(self, flow_id: UUID, window: Window) -> Answer | None:
        """Answer `GET /analytics/flows/{flow_id}`; none where nobody has heard of it."""
        of_flow = [session for session in self.sessions if session.flow_id == flow_id]
        if not of_flow and flow_id not in self._names("flows", "flow_id"):
            return None
        started = [session for session in of_flow if session.started_on in window]
        given = _given(of_flow, window)
        ratings = [stars for _, stars in given]
        return {
            "tree_id": str(flow_id),
            "name": self._names("flows", "flow_id").get(flow_id, "Unknown"),
            "summary": summary(started, ratings, of_flow=True),
            "avg_csat": mean(ratings),
            "total_ratings": len(ratings),
            "time_series": time_series(started, given, window.days),
            "step_feedback": self._step_feedback(flow_id, window),
            "steps": self._steps(flow_id, window, started),
            "edges": shown_edges(ways(started)),
            "recent_comments": self._comments(of_flow),
        }

    def _steps(self, flow_id: UUID, window: Window, started: list[Session]) -> list[Answer]:
        titles = self._titles(flow_id)
        current = {step: titles[step] for step in self._current_steps(flow_id)}
        return [
            {"title": titles.get(step["step_id"], "Unknown")} | step
            for step in _in_order(
                shown_steps(ways(started), self._votes_on(flow_id, window), current),
                self._positions(flow_id),
            )
        ]

    def _step_feedback(self, flow_id: UUID, window: Window) -> list[Answer]:
        """Show the steps of today, and those with votes."""
        return [
            {
                "node_id": step["step_id"],
                "node_title": step["title"],
                "helpful_yes": step["helpful_yes"],
                "helpful_no": step["helpful_no"],
                "helpful_rate": rate(step["helpful_yes"], step["helpful_yes"] + step["helpful_no"]),
            }
            for step in self._steps(flow_id, window, [])
        ]

    def _votes_on(self, flow_id: UUID, window: Window) -> Counter[tuple[str, bool | None]]:
        """Count votes by the day they were last cast, whenever their session started."""
        return Counter(
            (vote.step_id, vote.was_helpful)
            for vote in self.votes
            if vote.flow_id == flow_id and vote.cast_on in window
        )

    def _named_steps(self, flow_id: UUID) -> list[Row]:
        return [row for row in self.rows.get("flow_steps", []) if row["flow_id"] == flow_id]

    def _titles(self, flow_id: UUID) -> dict[str, str]:
        return {row["step_id"]: row["title"] for row in self._named_steps(flow_id)}

    def _positions(self, flow_id: UUID) -> dict[str, int]:
        return {row["step_id"]: row["position"] for row in self._named_steps(flow_id)}

    def _current_steps(self, flow_id: UUID) -> list[str]:
        """Return the steps of today in their order."""
        current = {
            row["event_id"] for row in self.rows.get("flows", []) if row["flow_id"] == flow_id
        }
        rows = [row for row in self._named_steps(flow_id) if row["event_id"] in current]
        ordered = sorted(rows, key=lambda row: (row["position"], row["step_id"]))
        return [row["step_id"] for row in ordered]

    def _comments(self, sessions: Iterable[Session]) -> list[Answer]:
        names = self._names("users", "user_id")
        newest = sorted(
            (
                (session.rating["occurred_at"], session.rating["event_id"], session)
                for session in sessions
                if session.rating is not None and session.rating["comment"]
            ),
            key=lambda each: each[:2],
            reverse=True,
        )
        return [
            {
                "rating": session.rating["rating"],
                "comment": session.rating["comment"],
                "user_name": names.get(session.user_id, "Unknown"),
                "created_at": created_at,
            }
            for created_at, _, session in newest[:TOP]
            if session.rating is not None
        ]

    def _names(self, table: str, key: str) -> dict[UUID, str]:
        return {row[key]: row["name"] for row in self.rows.get(table, [])}

    def _sessions(self) -> list[Session]:
        ratings = {row["session_id"]: row for row in self.rows.get("session_ratings", [])}
        visits: dict[UUID, list[Visit]] = {}
        for row in self.rows.get("step_visits", []):
            visits.setdefault(row["session_id"], []).append((row["visited_at"], row["step_id"]))
        return [
            self._session(row, ratings, tuple(visits.get(row["session_id"], [])))
            for row in self.rows.get("sessions", [])
            if row["started_at"]
        ]

    def _session(self, row: Row, ratings: Mapping[UUID, Row], visits: tuple[Visit, ...]) -> Session:
        completed_at = row["completed_at"]
        rating = ratings.get(row["session_id"]) if completed_at else None
        return Session(
            session_id=row["session_id"],
            flow_id=row["flow_id"],
            user_id=row["user_id"],
            started_on=self.day(row["started_at"]),
            completed_at=completed_at,
            # A clock that ran backwards counts as no time.
            duration=max(completed_at - row["started_at"], timedelta()) if completed_at else None,
            outcome=row["outcome"],
            rating=rating,
            rated_on=self.day(rating["occurred_at"]) if rating else None,
            visits=visits,
        )

    def _votes(self) -> list[Vote]:
        sessions = {session.session_id: session for session in self.sessions}
        cast = sorted(
            self.rows.get("step_feedback", []),
            key=lambda row: (row["occurred_at"], row["event_id"]),
        )
        # Somebody's vote as "the session's user" and under their own id are one: the later.
        standing: dict[tuple[Any, ...], Row] = {}
        for row in cast:
            if session := sessions.get(row["session_id"]):
                user = session.user_id if row["user_id"] == NIL else row["user_id"]
                standing[session.session_id, row["step_id"], user] = row
        return [
            Vote(
                session_id=row["session_id"],
                flow_id=sessions[row["session_id"]].flow_id,
                step_id=row["step_id"],
                was_helpful=row["was_helpful"],
                cast_on=self.day(row["occurred_at"]),
            )
            for row in standing.values()
            if row["was_helpful"] is not None
        ]


def window_of_period(period: str, today: date) -> Window:
    """Return that many days ending today.

    >>> window_of_period("7d", date(2026, 3, 7)).first.isoformat()
    '2026-03-01'
    """
    return Window(today - timedelta(days=int(period.removesuffix("d")) - 1), today)


def comparable(answer: Answer) -> Answer:
    """Return the figures of an answer: without what says how to read them, times as times."""
    figures = {part: value for part, value in answer.items() if part not in {"meta", "previous"}}
    if "recent_comments" in figures:
        figures["recent_comments"] = [
            {**row, "created_at": datetime.fromisoformat(row["created_at"]).astimezone(UTC)}
            for row in figures["recent_comments"]
        ]
    return figures


def _ratings(sessions: Iterable[Session], window: Window, flow_id: str) -> list[int]:
    """Return the ratings of a flow given in the window, whenever their session started."""
    return [
        session.rating["rating"]
        for session in sessions
        if session.rating is not None
        and session.rated_on in window
        and str(session.flow_id) == flow_id
    ]


def _given(sessions: Iterable[Session], window: Window) -> list[tuple[date, int]]:
    """Return the ratings given in the window, whenever their session started, with their day."""
    return [
        (session.rated_on, session.rating["rating"])
        for session in sessions
        if session.rating is not None
        and session.rated_on is not None
        and session.rated_on in window
    ]


def _in_order(steps: list[Answer], positions: Mapping[str, int]) -> list[Answer]:
    """Sort those that are not of today by where they were last; unnamed ones come at the end."""
    return sorted(
        steps,
        key=lambda step: (
            not step["is_current"],
            positions.get(step["step_id"], float("inf")),
            step["step_id"],
        ),
    )


def _top(
    sessions: Iterable[Session], key: str, shown_as: str, names: Mapping[UUID, str]
) -> list[Answer]:
    """Rank by sessions, then name, then id."""
    groups: dict[UUID, list[Session]] = {}
    for session in sessions:
        groups.setdefault(getattr(session, key), []).append(session)
    ranked = sorted(
        ((names.get(each, "Unknown"), each, of_group) for each, of_group in groups.items()),
        key=lambda row: (-len(row[2]), row[0], row[1]),
    )
    return [
        {shown_as: str(each), "name": name, **totals(of_group)}
        for name, each, of_group in ranked[:TOP]
    ]
