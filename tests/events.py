"""Events as they are sent, of fresh ids."""

from typing import Any
from uuid import UUID, uuid4

Event = dict[str, Any]

LONG_AGO = "2026-03-01T09:30:00Z"


def event(kind: str, **data: object) -> Event:
    """An event of a fresh id; ids among its data may be UUIDs."""
    return {
        "id": str(uuid4()),
        "type": kind,
        "occurred_at": LONG_AGO,
        "data": {
            name: str(each) if isinstance(each, UUID) else each for name, each in data.items()
        },
    }


def named(user_id: UUID | None = None, name: str = "Ada") -> Event:
    """A user is named; somebody new, unless said otherwise."""
    return event("user.upserted", user_id=user_id or uuid4(), name=name, role="engineer")
