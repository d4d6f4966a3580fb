"""Clients that try again by the rules, and keep a log of what was acknowledged."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Protocol, TypeVar
from uuid import UUID, uuid4

import httpx
import psycopg
from conftest import Api
from events import Event, event

from ingest.settings import Settings

CLIENTS = 8
AGAIN = {429, 502, 503, 504}
PATIENCE = 120
"""Seconds after which a request that was tried again and again counts as lost."""


class Lost(AssertionError):
    """Something that was acknowledged is not there, or is there twice."""


class Serves(Protocol):
    """Where an API is to be had."""

    def api(self, settings: Settings) -> Api:
        """It, as an account of its own meets it."""


class Client:
    """One who sends, tries again when it may help, and remembers what it was told."""

    def __init__(self, api: Api, seed: int) -> None:
        self.api = api
        self.random = Random(seed)
        self.user_id = uuid4()
        self.created: Counter[str] = Counter()
        """How often an event was said to be created."""
        self.acknowledged: dict[str, Event] = {}
        self.ratings: dict[str, int] = {}
        self.votes: dict[tuple[str, str], bool | None] = {}
        self.tried_again = 0
        self.waits: list[float] = []
        """How many seconds each request took until it was answered for good."""

    def ask(self, method: str, path: str, json: object = None, **more: Any) -> httpx.Response:
        began = time.monotonic()
        until = began + PATIENCE
        while True:
            try:
                answer = self.api(method, path, json, user_id=self.user_id, **more)
                if answer.status_code not in AGAIN:
                    self.waits.append(time.monotonic() - began)
                    return answer
            except httpx.TransportError:
                pass
            assert time.monotonic() < until, f"{method} {path} was put off for ever"
            self.tried_again += 1
            time.sleep(self.random.uniform(0.01, 0.1))

    def send(self, events: list[Event]) -> None:
        """Send a batch until each of its events is created or known."""
        answer = self.ask("POST", "/events", events, role="service")
        assert answer.status_code == 200, answer.text
        for sent, item in zip(events, answer.json()["items"], strict=True):
            assert item["id"] == sent["id"]
            self.created[sent["id"]] += item["result"] == "created"
            self.acknowledged[sent["id"]] = sent

    def write_until(self, ended: threading.Event) -> None:
        """Complete sessions in batches, rate them and vote, one by one."""
        while not ended.is_set():
            sessions = [str(uuid4()) for _ in range(self.random.randint(1, 8))]
            self.send([event for session in sessions for event in self.told(session)])
            for session in sessions:
                self.rate(session)
                for _ in range(self.random.randint(0, 3)):
                    self.vote(session, self.random.choice("ab"))

    def told(self, session_id: str) -> list[Event]:
        of_session = {"session_id": session_id, "user_id": str(self.user_id)}
        return [
            event("session.started", **of_session, flow_id=str(UUID(int=7))),
            event("session.completed", **of_session, outcome="resolved"),
        ]

    def rate(self, session_id: str) -> None:
        rating = self.random.randint(1, 5)
        answer = self.ask("POST", f"/sessions/{session_id}/rate", {"rating": rating})
        # Nobody else rates it: a 409 says that the answer was lost, not the rating.
        self.expect(answer, 201, 409)
        self.ratings[session_id] = rating

    def vote(self, session_id: str, step: str) -> None:
        was_helpful = self.random.choice([True, False, None])
        path = f"/steps/{step}/feedback"
        if was_helpful is None:
            answer = self.ask("DELETE", f"{path}?session_id={session_id}")
            self.expect(answer, 204)
        else:
            body = {"session_id": session_id, "was_helpful": was_helpful}
            answer = self.ask("POST", path, body)
            self.expect(answer, 200, 201)
        self.votes[session_id, step] = was_helpful

    def expect(self, answer: httpx.Response, *statuses: int) -> None:
        if answer.status_code == 404:
            raise Lost(f"a session that was acknowledged: {answer.text}")
        assert answer.status_code in statuses, answer.text

    def check(self, url: str) -> None:
        """Raise Lost unless the tables hold what was acknowledged, once."""
        self._check_created()
        events, ratings, votes, completed = self._stored(url)
        sessions = {sent["data"]["session_id"] for sent in self.acknowledged.values()}
        standing = {key: each for key, each in self.votes.items() if each is not None}
        found = {key: each for key, each in votes.items() if each is not None}
        if (set(self.acknowledged), sessions) != (events, completed):
            raise Lost("events")
        if (self.ratings, standing) != (ratings, found):
            raise Lost("ratings or votes")

    def check_so_far(self, url: str) -> int:
        """Raise Lost if an event or a rating that was acknowledged is missing; return how many.

        The client goes on meanwhile: there may be more of them, and a vote may be another by now.
        """
        self._check_created()
        acknowledged, given = set(self.acknowledged), dict(self.ratings)
        events, ratings, _, _ = self._stored(url)
        if not acknowledged <= events:
            raise Lost("events")
        if not given.items() <= ratings.items():
            raise Lost("ratings")
        return len(acknowledged) + len(given)

    def _check_created(self) -> None:
        if not set(self.created.values()) <= {0, 1}:
            raise Lost("an event was created twice")

    def _stored(
        self, url: str
    ) -> tuple[set[str], dict[str, int], dict[tuple[str, str], bool | None], set[str]]:
        """Return the events, ratings, votes and completed sessions that the tables hold."""
        account = [self.api.account_id]
        with psycopg.connect(url) as connection:

            def rows(query: str) -> list[tuple[Any, ...]]:
                return connection.execute(query.encode(), account).fetchall()

            events = {str(each) for (each,) in rows(
                "select event_id from raw.events where account_id = %s"
            )}  # fmt: skip
            ratings = {str(session): rating for session, rating in rows(
                "select session_id, rating from raw.session_ratings where account_id = %s"
            )}  # fmt: skip
            votes = {(str(session), step): was_helpful for session, step, was_helpful in rows(
                "select session_id, step_id, was_helpful from raw.step_feedback"
                " where account_id = %s"
            )}  # fmt: skip
            completed = {str(session) for (session,) in rows(
                "select session_id from raw.sessions where account_id = %s"
                " and started_at is not null and completed_at is not null"
            )}  # fmt: skip
        return events, ratings, votes, completed


C = TypeVar("C", bound=Client)


@contextmanager
def clients(
    process: Serves, settings: Settings, write: Callable[[Client, threading.Event], None]
) -> Iterator[list[Client]]:
    """Have clients write while the block lasts; it ends when all they began is acknowledged."""
    made = [Client(process.api(settings), seed) for seed in range(CLIENTS)]
    with all_writing(made, write):
        yield made


@contextmanager
def all_writing(made: list[C], write: Callable[[C, threading.Event], None]) -> Iterator[None]:
    """Have each of them write while the block lasts, and then end what it began."""
    ended = threading.Event()
    failures: list[Exception] = []

    def run(client: C) -> None:
        try:
            write(client, ended)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has to hear of it
            failures.append(error)

    threads = [threading.Thread(target=run, args=[client]) for client in made]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(PATIENCE)
    if failures:
        raise failures[0]
    assert not any(thread.is_alive() for thread in threads)
