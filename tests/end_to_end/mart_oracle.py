"""The rows that every served mart must have of the real incident log, in plain Python.

Flows and engineers go by their names, as in the log. It has no ratings, and nothing of the last 90
days, so what is of ratings is 0 or empty, and so are the periods that end today.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from figure_oracle import OUTCOMES, microseconds, ways
from incident_oracle import STEPS, ZONE, Oracle, Session, slug

Rows = list[dict[str, Any]]

SPANS = (1, 4, 16, 64, 256)
PERIODS = {"7d": 7, "30d": 30, "90d": 90}
NO_RATINGS = dict.fromkeys(
    ["ratings", "rating_points", *(f"rating_{stars}" for stars in range(1, 6))], 0
)
NOTHING = {
    **dict.fromkeys(["sessions", "completed", "duration_microseconds", *OUTCOMES, "rated"], 0),
    **NO_RATINGS,
    "helpful_yes": 0,
    "helpful_no": 0,
}


def expected_marts(oracle: Oracle) -> dict[str, Rows]:
    """Return the rows of each mart, in no order."""
    sessions = oracle.sessions
    today = datetime.now(ZONE).date()
    periods = [
        {
            "period": name,
            "day_from": (today - timedelta(days - 1)).isoformat(),
            "day_to": str(today),
        }
        for name, days in PERIODS.items()
    ]
    return {
        "daily_outcomes": [
            {"day": str(day), "flow_id": flow, "user_id": engineer} | outcomes(of_group)
            for (day, flow, engineer), of_group in grouped(
                sessions, lambda each: (each.started_on, each.flow, each.engineer)
            )
        ],
        "account_days": [
            {"day": str(day)} | outcomes(of_day) | NO_RATINGS
            for day, of_day in grouped(sessions, lambda each: each.started_on)
        ],
        "flow_rollups": rollups(sessions, "flow_id", lambda each: each.flow),
        "engineer_rollups": rollups(sessions, "user_id", lambda each: each.engineer),
        "daily_step_visits": step_visits(sessions),
        "daily_step_feedback": step_feedback(sessions),
        "daily_ratings": [],
        "flow_leaderboard": [],
        "engineer_leaderboard": [],
        "account_summaries": [
            {"period": name, "part": part, "day_from": str(first), "day_to": str(last)} | NOTHING
            for name, days in PERIODS.items()
            for part, last in (("current", today), ("previous", today - timedelta(days)))
            for first in [last - timedelta(days - 1)]
        ],
        "flow_summaries": [],
        "engineer_summaries": [],
        "step_summaries": [],
        "step_edges": [],
        "breakdowns": [],
        "account_hours": [
            {"day": str(day), "hour": hour} | outcomes(of_hour)
            for (day, hour), of_hour in grouped(
                sessions,
                lambda each: (each.started_on, each.started_at.astimezone(ZONE).hour),
            )
        ],
        "account_durations": durations(sessions, SPANS, lambda _: {}),
        "flow_durations": durations(
            sessions, (1, 16, 256), lambda session: {"flow_id": session.flow}
        ),
        "daily_step_edges": [
            {
                "day": str(day),
                "flow_id": flow,
                "step_id": step,
                "next_step_id": then,
                "passes": passes,
            }
            for (day, flow), of_group in grouped(
                sessions, lambda each: (each.started_on, each.flow)
            )
            for (step, then), passes in ways(of_group).passes.items()
        ],
        "periods": periods,
        "flows": [{"flow_id": flow, "name": flow} for flow in oracle.flows],
        "flow_steps": [
            {
                "flow_id": flow,
                "step_id": slug(title),
                "title": title,
                "position": position,
                "is_current": True,
            }
            for flow in oracle.flows
            for position, title in enumerate(STEPS)
        ],
        "data_freshness": [
            {"pending_changes": 0, "time_zone": ZONE.key, "today": today.isoformat()}
        ],
    }


def grouped(
    sessions: Iterable[Session], key: Callable[[Session], Any]
) -> Iterable[tuple[Any, list[Session]]]:
    groups: dict[Hashable, list[Session]] = defaultdict(list)
    for session in sessions:
        groups[key(session)].append(session)
    return groups.items()


def day_and_flow(session: Session) -> tuple[date, str]:
    return session.started_on, session.flow


def outcomes(sessions: list[Session]) -> dict[str, Any]:
    durations = [session.duration for session in sessions if session.duration is not None]
    return {
        "sessions": len(sessions),
        "completed": len(durations),
        "duration_microseconds": sum(each // timedelta(microseconds=1) for each in durations),
        **{name: sum(session.outcome == name for session in sessions) for name in OUTCOMES},
        "rated": 0,
    }


def rollups(sessions: Iterable[Session], name: str, key: Callable[[Session], str]) -> Rows:
    found = []
    for span in SPANS:

        def of_span(session: Session, span: int = span) -> tuple[date, str]:
            # Days count from 0001-01-01, which is the first.
            behind = (session.started_on.toordinal() - 1) % span
            return session.started_on - timedelta(behind), key(session)

        for (day, value), of_group in grouped(sessions, of_span):
            begins = {"span_days": span, "day_from": str(day), name: value}
            found.append(begins | outcomes(of_group) | NO_RATINGS)
    return found


def durations(
    sessions: Iterable[Session], spans: Iterable[int], key: Callable[[Session], dict[str, str]]
) -> Rows:
    """Count completed sessions by the six highest bits of how long they took."""
    found: Counter[tuple[Any, ...]] = Counter()
    for session in sessions:
        if session.duration is not None:
            took = microseconds(session.duration)
            bucket = took >> max(took.bit_length() - 6, 0) << max(took.bit_length() - 6, 0)
            for span in spans:
                behind = (session.started_on.toordinal() - 1) % span
                first = session.started_on - timedelta(behind)
                found[span, str(first), tuple(key(session).items()), bucket] += 1
    return [
        {
            "span_days": span,
            "day_from": first,
            **dict(own),
            "duration_bucket": bucket,
            "completed": number,
        }
        for (span, first, own, bucket), number in found.items()
    ]


def step_visits(sessions: Iterable[Session]) -> Rows:
    return [
        {
            "day": str(day),
            "flow_id": flow,
            "step_id": step,
            "visits": found.visits[step],
            "entries": found.entries[step],
            "completions": found.completions[step],
            "drop_offs": found.drop_offs[step],
        }
        for (day, flow), of_group in grouped(sessions, day_and_flow)
        for found in [ways(of_group)]
        for step in found.visits
    ]


def step_feedback(sessions: Iterable[Session]) -> Rows:
    voted = [session for session in sessions if session.helpful is not None]
    return [
        {
            "day": str(day),
            "flow_id": flow,
            "step_id": "resolved",
            "helpful_yes": sum(session.helpful is True for session in of_group),
            "helpful_no": sum(session.helpful is False for session in of_group),
        }
        for (day, flow), of_group in grouped(voted, lambda each: (each.voted_on, each.flow))
    ]
