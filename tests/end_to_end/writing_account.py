"""An account that writes by the real API, and all that happened to it, as the rules have it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import psycopg
from conftest import Api
from raw_oracle import NIL, Happened, Rows, facts_by_session, rows_of, wire
from stories import NOBODY, Told, resolved

TICK = timedelta(microseconds=1)
SOON = 5


@dataclass
class Account:
    """One account: the way into the API, and all that happened to it, as the rules have it."""

    api: Api
    now: datetime
    events: dict[UUID, Happened] = field(default_factory=dict)
    as_refreshed: Rows = field(default_factory=dict)

    _rows: tuple[int, Rows] = (0, {})

    @property
    def rows(self) -> Rows:
        """The raw tables as the events leave them, reckoned once for as many as there are."""
        if self._rows[0] != len(self.events):
            self._rows = (len(self.events), rows_of(list(self.events.values())))
        return self._rows[1]

    def post(self, events: Sequence[Told]) -> None:
        came = [event.at(self.now) for event in events]
        body = [wire(event, self.api.account_id) for event in came]
        answer = self.api.post_events(msgspec.to_builtins(body))
        assert answer.status_code == 200, answer.text
        self.events |= {event.id: event for event in came}

    def call(self, kind: str, fields: dict[str, Any]) -> bool:
        """Call; note the event that it was, and say whether it changed something."""
        data = resolved(fields, self.now)
        event = getattr(self, f"_{kind}")(data, _at_no_midnight())
        if event is not None:
            self.events[event.id] = event
        return event is not None

    def _send(self, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
        return self.api(method, path, msgspec.to_builtins(body), **more)

    def _session(self, session_id: UUID) -> dict[str, Any]:
        """Return the session as the rules have it, an empty one if nobody has heard of it."""
        found = {row["session_id"]: row for row in self.rows.get("sessions", [])}
        return found.get(session_id, {"user_id": None, "outcome": None})

    def _event_id(self, which: str, session_id: UUID) -> UUID:
        """Return the id that the API gave to what was just called: it decides between equals."""
        url = self.api.settings.database_url
        assert url is not None
        with psycopg.connect(url) as connection:
            row = connection.execute(
                f"select {which}_event_id from raw.sessions"
                " where account_id = %s and session_id = %s".encode(),
                [self.api.account_id, session_id],
            ).fetchone()
        assert row is not None
        event_id: UUID = row[0]
        return event_id

    def _owner(self, session_id: UUID) -> dict[str, Any]:
        return {"user_id": self._session(session_id)["user_id"] or NOBODY}

    def _start(self, data: dict[str, Any], _: datetime) -> Happened | None:
        answer = self._send("POST", "/sessions", data, role="service")
        assert answer.status_code in {200, 201, 409}, answer.text
        if answer.status_code != 201:
            return None
        event_id = self._event_id("started", data["session_id"])
        return Happened("session.started", data["started_at"], data, event_id)

    def _visit(self, data: dict[str, Any], _: datetime) -> Happened | None:
        session_id = data["session_id"]
        body = {"step_id": data["step_id"], "visited_at": data["visited_at"]}
        answer = self._send(
            "POST", f"/sessions/{session_id}/steps", body, **self._owner(session_id)
        )
        assert answer.status_code in {200, 201, 404}, answer.text
        is_new = answer.status_code == 201
        return Happened("step.visited", data["visited_at"], data, uuid4()) if is_new else None

    def _complete(self, data: dict[str, Any], _: datetime) -> Happened | None:
        session_id = data["session_id"]
        before = self._session(session_id)
        body = {"outcome": data["outcome"], "completed_at": data["completed_at"]}
        answer = self._send(
            "POST", f"/sessions/{session_id}/complete", body, **self._owner(session_id)
        )
        assert answer.status_code in {200, 404, 409, 422}, answer.text
        if answer.status_code != 200 or before["outcome"] == data["outcome"]:
            return None
        # Whatever was known of its end, without an outcome, is beaten.
        occurred_at = _after(before["completed_occurred_at"], data["completed_at"])
        event_id = self._event_id("completed", session_id)
        return Happened("session.completed", occurred_at, data, event_id)

    def _rate(self, data: dict[str, Any], _: datetime) -> Happened | None:
        session_id = data["session_id"]
        body = {"rating": data["rating"], "comment": data["comment"]}
        answer = self._send("POST", f"/sessions/{session_id}/rate", body, **self._owner(session_id))
        assert answer.status_code in {201, 400, 404, 409}, answer.text
        if answer.status_code != 201:
            return None
        rating = answer.json()
        created_at = datetime.fromisoformat(rating["created_at"])
        return Happened("session.rated", created_at, data, UUID(rating["id"]))

    def _vote(self, data: dict[str, Any], now: datetime) -> Happened | None:
        owner = self._owner(data["session_id"])
        body = {"session_id": data["session_id"], "was_helpful": data["was_helpful"]}
        before = self._standing_vote(data, owner["user_id"])
        answer = self._send("POST", f"/steps/{data['step_id']}/feedback", body, **owner)
        assert answer.status_code in {200, 201, 404}, answer.text
        if answer.status_code == 404:
            return None
        occurred_at = _after(before["occurred_at"] if before else None, now)
        return Happened("step.feedback", occurred_at, data | owner, uuid4())

    def _withdraw(self, data: dict[str, Any], now: datetime) -> Happened | None:
        owner = self._owner(data["session_id"])
        before = self._standing_vote(data, owner["user_id"])
        answer = self._send(
            "DELETE",
            f"/steps/{data['step_id']}/feedback",
            params={"session_id": str(data["session_id"])},
            **owner,
        )
        assert answer.status_code in {204, 404}, answer.text
        # To withdraw where nothing stands changes nothing.
        if answer.status_code == 404 or before is None or before["was_helpful"] is None:
            return None
        occurred_at = _after(before["occurred_at"], now)
        return Happened("step.feedback", occurred_at, data | owner | {"was_helpful": None}, uuid4())

    def _standing_vote(self, data: dict[str, Any], owner: UUID) -> dict[str, Any] | None:
        votes = [
            row
            for row in self.rows.get("step_feedback", [])
            if (row["session_id"], row["step_id"]) == (data["session_id"], data["step_id"])
            and row["user_id"] in {owner, NIL}
        ]
        return max(votes, key=lambda row: (row["occurred_at"], row["event_id"]), default=None)

    def _put(
        self, kind: str, subject: UUID, data: dict[str, Any], now: datetime
    ) -> Happened | None:
        body = {name: value for name, value in data.items() if name != f"{kind}_id"}
        answer = self._send("PUT", f"/{kind}s/{subject}", body, role="service")
        assert answer.status_code in {200, 201, 409}, answer.text
        if answer.status_code == 409:
            return None
        before = [
            row["occurred_at"]
            for row in self.rows.get(f"{kind}s", [])
            if row.get(f"{kind}_id", subject) == subject
        ]
        occurred_at = _after(before[0] if before else None, now)
        return Happened(f"{kind}.upserted", occurred_at, data, uuid4())

    def _account(self, data: dict[str, Any], now: datetime) -> Happened | None:
        return self._put("account", self.api.account_id, data, now)

    def _user(self, data: dict[str, Any], now: datetime) -> Happened | None:
        return self._put("user", data["user_id"], data, now)

    def _flow(self, data: dict[str, Any], now: datetime) -> Happened | None:
        return self._put("flow", data["flow_id"], data, now)

    def _delete(self, data: dict[str, Any], now: datetime) -> Happened | None:
        answer = self._send("DELETE", f"/sessions/{data['session_id']}", role="service")
        assert answer.status_code == 204, answer.text
        return Happened("session.deleted", now, data, uuid4())

    def _erase(self, data: dict[str, Any], now: datetime) -> Happened | None:
        answer = self._send("DELETE", f"/users/{data['user_id']}", role="service")
        assert answer.status_code == 204, answer.text
        return Happened("user.erased", now, data, uuid4())

    def changed_sessions(self) -> int:
        """Return how many sessions are not as they were when they were last refreshed."""
        had, has = facts_by_session(self.as_refreshed), facts_by_session(self.rows)
        return sum(had.get(each) != has.get(each) for each in had | has)


def _at_no_midnight() -> datetime:
    """Return now; what happens in the next seconds is of the same day everywhere.

    A day begins every quarter of an hour somewhere.
    """
    now = datetime.now(UTC)
    left = 900 - now.timestamp() % 900
    if left < SOON:
        sleep(left)
    return datetime.now(UTC)


def _after(before: datetime | None, now: datetime) -> datetime:
    """Return a time that beats what stands, even if a fast clock dated that ahead of ours."""
    return now if before is None else max(now, before + TICK)
