"""Random sessions of an account, as the events that tell of them."""

import random
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from events import Event, event

OUTCOMES = ("resolved", "escalated", "workaround", "unresolved", None)
ZONE = ZoneInfo("Asia/Kathmandu")
FIRST = date(2026, 2, 20)
DAYS = 20
USERS, FLOWS = [uuid4() for _ in range(4)], [uuid4() for _ in range(3)]
WINDOW = {"from": FIRST.isoformat(), "to": (FIRST + timedelta(days=DAYS - 1)).isoformat()}


def at(kind: str, occurred_at: datetime, **data: object) -> Event:
    return event(kind, **data) | {"occurred_at": occurred_at.isoformat()}


def a_life(chance: random.Random) -> list[Event]:
    """A session: perhaps it never started, or is not over, or was rated before it was over."""
    start = datetime(2026, 2, 18, tzinfo=UTC) + timedelta(minutes=chance.randrange(24 * 60 * 24))
    end = start + timedelta(seconds=chance.randrange(-60, 90_000))
    session_id, user_id = uuid4(), chance.choice(USERS)
    events = []
    if chance.random() < 0.9:
        events.append(
            at(
                "session.started",
                start,
                session_id=session_id,
                flow_id=chance.choice(FLOWS),
                user_id=user_id,
            )
        )
    for _ in range(chance.randrange(4)):
        step = chance.choice("abc")
        events.append(at("step.visited", end, session_id=session_id, step_id=step))
    if chance.random() < 0.7:
        outcome = chance.choice(OUTCOMES)
        events.append(at("session.completed", end, session_id=session_id, outcome=outcome))
    if chance.random() < 0.5:
        rating = chance.randint(1, 5)
        rated_at = end + timedelta(hours=chance.randrange(60))
        events.append(
            at("session.rated", rated_at, session_id=session_id, rating=rating, comment="So so.")
        )
    events += [
        at(
            "step.feedback",
            end + timedelta(hours=chance.randrange(-48, 48), seconds=chance.randrange(60)),
            session_id=session_id,
            step_id=chance.choice("abc"),
            user_id=chance.choice([None, user_id, *USERS]),
            was_helpful=chance.choice([True, True, False, None]),
        )
        for _ in range(chance.randrange(4))
    ]
    return events
