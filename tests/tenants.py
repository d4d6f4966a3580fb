"""Accounts that can be told apart by every word that they write."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from conftest import Api
from events import event

NEXT_STEP = "a-step-after-that"
STEP = "health-of-problems"
"""What an address that is open to all may contain."""


class Tenant:
    """An account with everything that can be written, some of it before the last refresh.

    Attributes:
        marker: is in all that it writes, and in nothing that anybody else does.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self.account_id = api.account_id
        self.marker = f"Marker-{uuid4().hex}"
        self.user_id, self.flow_id = uuid4(), uuid4()
        self.sessions: list[UUID] = []

    @property
    def words(self) -> list[str]:
        """Whatever tells that somebody saw this account."""
        ids = (self.account_id, self.user_id, self.flow_id, *self.sessions)
        return [self.marker, *map(str, ids)]

    def write(self, sessions: int) -> None:
        """Name everything, and add sessions of today, completed, rated and voted on."""
        steps = [{"step_id": STEP, "title": self.marker, "position": 0}]
        events = [
            event(
                "account.upserted", account_id=self.account_id, name=self.marker, time_zone="UTC"
            ),
            event("user.upserted", user_id=self.user_id, name=self.marker, role="engineer"),
            event("flow.upserted", flow_id=self.flow_id, name=self.marker, steps=steps),
        ]
        for minutes in range(1, sessions + 1):
            session_id = uuid4()
            self.sessions.append(session_id)
            at = datetime.now(UTC) - timedelta(minutes=minutes)
            of_session = [
                event(
                    "session.started",
                    session_id=session_id,
                    flow_id=self.flow_id,
                    user_id=self.user_id,
                ),
                event("step.visited", session_id=session_id, step_id=STEP),
                event("step.visited", session_id=session_id, step_id=NEXT_STEP),
                event("session.completed", session_id=session_id, outcome="resolved"),
                event("session.rated", session_id=session_id, rating=4, comment=self.marker),
                event("step.feedback", session_id=session_id, step_id=STEP, was_helpful=True),
            ]
            events += [each | {"occurred_at": at.isoformat()} for each in of_session]
        answer = self.api.post_events(events)
        assert answer.status_code == 200, answer.text
