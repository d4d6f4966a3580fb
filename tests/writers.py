"""Clients that write about everything at once, and try again when they are told to."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
from conftest import Api

ZONES = ("Pacific/Kiritimati", "America/New_York", "Asia/Kolkata", "UTC")
OUTCOMES = ("resolved", "escalated", "workaround", "unresolved")
STEPS = ("a", "b", "c", "d")
REFUSED = {400, 403, 404, 409, 422}
PATIENCE = 60
"""How many seconds one request may be put off."""


class Session(NamedTuple):
    session_id: UUID
    user_id: UUID
    flow_id: UUID


class World:
    """What the writers of one account know together; as old as each finds it."""

    def __init__(self, api: Api, *, most_sessions: int) -> None:
        self.api = api
        self.most_sessions = most_sessions
        self.users = [uuid4() for _ in range(6)]
        self.flows = [uuid4() for _ in range(5)]
        self.sessions: list[Session] = []

    def forget(self, unwanted: Callable[[Session], bool]) -> None:
        self.sessions = [each for each in self.sessions if not unwanted(each)]


class Writer:
    """One client of several accounts."""

    def __init__(self, worlds: list[World], seed: int) -> None:
        self.worlds = worlds
        self.random = Random(seed)
        self.done: Counter[str] = Counter()
        """How often what was asked for was done, by the kind of the request."""
        self.put_off = 0
        """How many answers said to try again."""
        self._kinds: dict[Callable[[World], None], int] = {
            self.start: 12,
            self.send_history: 12,
            self.visit: 10,
            self.complete: 14,
            self.edit_late: 12,
            self.rate: 14,
            self.vote: 12,
            self.withdraw: 6,
            self.delete: 3,
            self.rename: 2,
            self.move: 1,
            self.erase: 1,
        }

    def write_until(self, ended: Event, *, pause: float) -> None:
        """Write with pauses of so many seconds on average; every kind soon, then by chance."""
        kinds = list(self._kinds)
        while not ended.wait(self.random.expovariate(1 / pause)):
            kind = kinds.pop(0) if kinds else None
            self.write(kind)

    def write(self, kind: Callable[[World], None] | None = None) -> None:
        """Do one thing."""
        world = self.random.choice(self.worlds)
        if len(world.sessions) > world.most_sessions:
            self.delete(world)
            return
        if kind is None:
            (kind,) = self.random.choices(list(self._kinds), list(self._kinds.values()))
        kind(world)

    # --- sessions --------------------------------------------------------------------------------

    def start(self, world: World) -> None:
        session = self._new(world)
        body: dict[str, Any] = {
            "session_id": str(session.session_id),
            "flow_id": str(session.flow_id),
            "started_at": self._moment(),
        }
        self._call(world, "start", "POST", "/sessions", body, user_id=session.user_id)
        world.sessions.append(session)

    def send_history(self, world: World) -> None:
        """A whole session, in any order, with what belongs to it."""
        session = self._new(world)
        session_id = str(session.session_id)
        events = [
            self._event("step.visited", session_id=session_id, step_id=self._step()),
            self._event("step.visited", session_id=session_id, step_id=self._step()),
            self._event("step.feedback", session_id=session_id, step_id="b", was_helpful=True),
            self._started(session),
        ]
        if self.random.random() < 0.7:
            outcome = self.random.choice([*OUTCOMES, None])
            events.append(self._event("session.completed", session_id=session_id, outcome=outcome))
        if self.random.random() < 0.5:
            events.append(self._rated(session_id))
        self.random.shuffle(events)
        self._send(world, "history", events)
        world.sessions.append(session)

    def visit(self, world: World) -> None:
        session = self._any(world)
        path = f"/sessions/{session.session_id}/steps"
        body = {"step_id": self._step(), "visited_at": self._moment()}
        self._call(world, "visit", "POST", path, body, user_id=session.user_id)

    def complete(self, world: World) -> None:
        self._complete(world, self._any(world))

    def _complete(self, world: World, session: Session) -> None:
        path = f"/sessions/{session.session_id}/complete"
        body = {"outcome": self.random.choice(OUTCOMES)}
        self._call(world, "complete", "POST", path, body, user_id=session.user_id)

    def edit_late(self, world: World) -> None:
        """Say something else of a session than was said before."""
        session = self._any(world)
        session_id = str(session.session_id)
        edits = [
            self._started(session._replace(flow_id=self.random.choice(world.flows))),
            self._started(session._replace(user_id=self.random.choice(world.users))),
            self._event(
                "session.completed",
                session_id=session_id,
                outcome=self.random.choice([*OUTCOMES, None]),
            ),
            self._rated(session_id),
        ]
        self._send(world, "late edit", self.random.sample(edits, self.random.randint(1, 3)))

    def delete(self, world: World) -> None:
        session = self._any(world)
        path = f"/sessions/{session.session_id}"
        self._call(world, "delete", "DELETE", path, role="service")
        world.forget(lambda each: each == session)

    # --- feedback --------------------------------------------------------------------------------

    def rate(self, world: World) -> None:
        session = self._any(world)
        self._complete(world, session)
        path = f"/sessions/{session.session_id}/rate"
        body = {"rating": self.random.randint(1, 5), "comment": "Hello."}
        self._call(world, "rate", "POST", path, body, user_id=session.user_id)

    def vote(self, world: World) -> None:
        session = self._any(world)
        body = {
            "session_id": str(session.session_id),
            "was_helpful": self.random.random() < 0.5,
        }
        path = f"/steps/{self._step()}/feedback"
        self._call(world, "vote", "POST", path, body, user_id=session.user_id)

    def withdraw(self, world: World) -> None:
        session = self._any(world)
        path = f"/steps/{self._step()}/feedback?session_id={session.session_id}"
        self._call(world, "withdraw", "DELETE", path, user_id=session.user_id)

    # --- names, zones, people --------------------------------------------------------------------

    def rename(self, world: World) -> None:
        name = f"Name {self.random.randint(1, 1000)}"
        user_id, flow_id = self.random.choice(world.users), self.random.choice(world.flows)
        body = {"name": name, "role": "engineer"}
        self._call(world, "name a user", "PUT", f"/users/{user_id}", body, role="service")
        steps = [{"step_id": s, "title": s.upper(), "position": i} for i, s in enumerate(STEPS)]
        flow = {"name": name, "steps": steps}
        self._call(world, "name a flow", "PUT", f"/flows/{flow_id}", flow, role="service")

    def move(self, world: World) -> None:
        """Move the account to another time zone, and with it every day of it."""
        body = {"name": "Ours", "time_zone": self.random.choice(ZONES)}
        path = f"/accounts/{world.api.account_id}"
        self._call(world, "move", "PUT", path, body, role="service")

    def erase(self, world: World) -> None:
        user_id = self.random.choice(world.users)
        self._call(world, "erase", "DELETE", f"/users/{user_id}", role="service")
        world.users = [uuid4() if each == user_id else each for each in world.users]
        world.forget(lambda each: each.user_id == user_id)

    # --- requests --------------------------------------------------------------------------------

    def _new(self, world: World) -> Session:
        return Session(uuid4(), self.random.choice(world.users), self.random.choice(world.flows))

    def _any(self, world: World) -> Session:
        """A session that somebody started, mostly one of the last."""
        known = world.sessions[:]
        if not known:
            self.start(world)
            return self._any(world)
        return self.random.choice(known[-20:] if self.random.random() < 0.6 else known)

    def _step(self) -> str:
        return self.random.choice(STEPS)

    def _moment(self) -> str:
        """Some moment of the last weeks."""
        ago = timedelta(seconds=self.random.uniform(0, 40 * 86_400))
        return (datetime.now(UTC) - ago).isoformat()

    def _event(self, kind: str, **data: object) -> dict[str, Any]:
        return {"id": str(uuid4()), "type": kind, "occurred_at": self._moment(), "data": data}

    def _started(self, session: Session) -> dict[str, Any]:
        names = {name: str(each) for name, each in session._asdict().items()}
        return self._event("session.started", **names, started_at=self._moment())

    def _rated(self, session_id: str) -> dict[str, Any]:
        return self._event("session.rated", session_id=session_id, rating=self.random.randint(1, 5))

    def _send(self, world: World, kind: str, events: list[dict[str, Any]]) -> None:
        answer = self._call(world, kind, "POST", "/events", events, role="service")
        items = answer.json()["items"]
        assert {item["result"] for item in items} <= {"created", "duplicate"}, answer.text

    def _call(
        self, world: World, kind: str, method: str, path: str, json: object = None, **who: Any
    ) -> httpx.Response:
        """Call until it is done or refused for good; count what was done."""
        until = time.monotonic() + PATIENCE
        while True:
            answer = ask_again(world.api, method, path, json, **who)
            if answer.status_code != 503:
                break
            assert "retry-after" in answer.headers
            assert time.monotonic() < until, answer.text
            self.put_off += 1
            time.sleep(self.random.uniform(0, 0.2))
        if answer.is_success:
            self.done[kind] += 1
        else:
            assert answer.status_code in REFUSED, (kind, answer.status_code, answer.text)
        return answer


def ask_again(api: Api, method: str, path: str, json: object = None, **more: Any) -> httpx.Response:
    """Send a request, once more if it met the end of a connection that had long been idle."""
    try:
        return api(method, path, json, **more)
    except httpx.RemoteProtocolError:
        return api(method, path, json, **more)
