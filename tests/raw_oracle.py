"""What the rules ask the raw tables to be after some events, spelled out in plain Python.

Of one account; neither the order nor the repetition of the events matters.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

NIL = UUID(int=0)


class Happened(NamedTuple):
    """An event, of whatever account it is sent to."""

    type: str
    occurred_at: datetime
    data: dict[str, Any]
    id: UUID


def wire(event: Happened, account_id: UUID) -> dict[str, Any]:
    """Return the event as it is sent to an account."""
    data = event.data
    if event.type == "account.upserted":
        data = {**data, "account_id": account_id}
    return {**event._asdict(), "data": data}


Row = dict[str, Any]
Rows = dict[str, list[Row]]


def rows_of(events: Sequence[Happened]) -> Rows:
    """Return every raw table as the events leave it, by the rules alone."""
    erased = erased_by(events)
    living = sorted(
        (event for event in events if not is_about(event, erased)),
        key=lambda event: (event.occurred_at, event.id),
    )

    def of(kind: str) -> list[Happened]:
        return [event for event in living if event.type == kind]

    flows = of("flow.upserted")
    rows = {
        "accounts": latest(row(event, "name", "time_zone") for event in of("account.upserted")),
        "users": latest(
            (row(event, "user_id", "name", "role") for event in of("user.upserted")), "user_id"
        ),
        "flows": latest((row(event, "flow_id", "name") for event in flows), "flow_id"),
        # Of a step that a flow no longer has, its last naming.
        "flow_steps": latest(
            (row(event, "flow_id") | step for event in flows for step in event.data["steps"]),
            "flow_id",
            "step_id",
        ),
        "sessions": sessions_of(of("session.started"), of("session.completed"), living),
        "step_visits": latest(
            (
                row(event, "session_id", "step_id", visited_at=event.occurred_at)
                for event in of("step.visited")
            ),
            "session_id",
            "step_id",
            "visited_at",
        ),
        # The first stands: the latest of a time that runs backwards.
        "session_ratings": latest(
            (
                row(event, "session_id", "rating", comment=None)
                for event in reversed(of("session.rated"))
            ),
            "session_id",
        ),
        "step_feedback": latest(
            (
                row(event, "session_id", "step_id", "was_helpful")
                | {"user_id": event.data.get("user_id") or NIL}
                for event in of("step.feedback")
            ),
            "session_id",
            "step_id",
            "user_id",
        ),
        "events": [{"event_id": event_id} for event_id in {event.id for event in events}],
        "tombstones": [
            {"kind": kind, "subject_hash": sha256(subject.bytes).digest()[:16]}
            for kind, subject in erased
        ],
    }
    return in_order(rows)


def erased_by(events: Sequence[Happened]) -> set[tuple[str, UUID]]:
    users = {event.data["user_id"] for event in events if event.type == "user.erased"}
    sessions = {
        event.data["session_id"]
        for event in events
        # Whoever was ever named as its user takes a session along.
        if event.type == "session.deleted" or (names_user(event) in users)
    }
    return {("user", each) for each in users} | {("session", each) for each in sessions}


def names_user(event: Happened) -> UUID | None:
    """Return whom the event names as its session's user; a vote is its user's alone."""
    of_session = {"session.started", "step.visited", "session.completed", "session.rated"}
    return event.data.get("user_id") if event.type in of_session else None


def is_about(event: Happened, erased: set[tuple[str, UUID]]) -> bool:
    """Say whether the event tells of somebody or something erased."""
    of_user = event.type in {"user.upserted", "step.feedback"}
    return ("session", event.data.get("session_id")) in erased or (
        of_user and ("user", event.data.get("user_id")) in erased
    )


def row(event: Happened, *fields: str, **defaults: object) -> Row:
    return {
        **{field: event.data[field] for field in fields},
        **{field: event.data.get(field, default) for field, default in defaults.items()},
        "event_id": event.id,
        "occurred_at": event.occurred_at,
    }


def latest(rows: Iterable[Row], *key: str) -> list[Row]:
    """Return the last row of every key."""
    return list({tuple(each[column] for column in key): each for each in rows}.values())


def sessions_of(
    starts: Sequence[Happened], completions: Sequence[Happened], events: Sequence[Happened]
) -> list[Row]:
    started = {event.data["session_id"]: event for event in starts}
    completed = {event.data["session_id"]: event for event in completions}
    named: dict[UUID, set[UUID]] = defaultdict(set)
    for event in events:
        if user_id := names_user(event):
            named[event.data["session_id"]].add(user_id)
    rows = []
    for session_id in started.keys() | completed.keys() | set(named):
        start, end = started.get(session_id), completed.get(session_id)
        users = named[session_id]
        rows.append(
            {
                "session_id": session_id,
                "flow_id": start and start.data["flow_id"],
                "user_id": start and start.data["user_id"],
                "started_at": start and start.data.get("started_at", start.occurred_at),
                "started_event_id": start and start.id,
                "started_occurred_at": start and start.occurred_at,
                "named_user_ids": sorted(users),
                "outcome": end and end.data.get("outcome"),
                "completed_at": end and end.data.get("completed_at", end.occurred_at),
                "completed_event_id": end and end.id,
                "completed_occurred_at": end and end.occurred_at,
            }
        )
    return rows


def in_order(rows: Rows) -> Rows:
    """Without empty tables; rows and their columns in an order of their own."""
    return {
        table: sorted((dict(sorted(row.items())) for row in rows[table]), key=repr)
        for table in sorted(rows)
        if rows[table]
    }


def facts_by_session(rows: Rows) -> dict[UUID, list[Any]]:
    facts: dict[UUID, list[Any]] = defaultdict(list)
    for table in ("sessions", "step_visits", "session_ratings", "step_feedback"):
        for row in rows.get(table, []):
            facts[row["session_id"]].append((table, row))
    return facts


def zone_of(rows: Rows) -> str:
    zones = [row["time_zone"] for row in rows.get("accounts", [])]
    return zones[0] if zones else "UTC"
