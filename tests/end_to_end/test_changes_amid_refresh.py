"""A refresh reads model after model: a session may be elsewhere by the time it reads the next."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from conftest import Api, Serve
from events import Event, event
from exactness import compare, snapshot
from lock_waits import waits_for_a_lock

from ingest.refresh import refresh
from ingest.settings import Settings

DAY = "2026-03-01"
STEPS = ("first", "second")
STORED_VOTES = "select sum(helpful_yes) from live.daily_step_feedback__stored where flow_id = %s"
NOTHING: tuple[list[tuple[int, ...]], list[Any]] = ([(0, 0, 0, 0), (0, 0, 0, 0)], [])


@pytest.fixture
def api(serve: Serve, new_live_settings: Callable[[], Settings]) -> Api:
    settings = new_live_settings()
    return Api(serve(settings), settings)


@contextmanager
def refreshing_between_sessions_and_steps(api: Api) -> Iterator[None]:
    """A refresh has read of which flow the sessions are, and not yet what happened at its steps.

    It goes on when the block ends.
    """
    url = str(api.settings.database_url)
    with (
        ThreadPoolExecutor() as threads,
        psycopg.connect(url, autocommit=True) as watching,
        psycopg.connect(url) as holding,
    ):
        holding.execute("lock table raw.step_feedback, raw.step_visits")
        refreshing = threads.submit(refresh, api.settings, url)
        while not waits_for_a_lock(watching, of="relation"):
            assert not refreshing.done()
            time.sleep(0.01)
        yield
        holding.rollback()
        refreshing.result()


def send(api: Api, *events: Event) -> None:
    answer = api.post_events(events)
    assert answer.status_code == 200, answer.text


def in_flow(session_id: UUID, flow_id: UUID, *, at: str) -> Event:
    """The session is of a flow: of the one that was said last."""
    ids = {"session_id": session_id, "flow_id": flow_id, "user_id": UUID(int=1)}
    return event("session.started", **ids) | {"occurred_at": f"{DAY}T{at}Z"}


def walked(session_id: UUID) -> list[Event]:
    """From one step to the next, which helped."""
    first, second = ({"session_id": session_id, "step_id": step} for step in STEPS)
    return [
        event("step.visited", **first),
        event("step.visited", **second) | {"occurred_at": f"{DAY}T09:31:00Z"},
        event("step.feedback", **second, was_helpful=True),
    ]


def steps_and_edges(api: Api, flow_id: UUID) -> tuple[list[tuple[int, ...]], list[Any]]:
    answer = api("GET", f"/analytics/flows/{flow_id}?from={DAY}&to={DAY}").json()
    measures = ("visits", "entries", "drop_offs", "helpful_yes")
    shown = [tuple(step[name] for name in measures) for step in answer["steps"]]
    return shown, answer["edges"]


def test_steps_count_once_that_are_stored_for_another_flow_than_their_session(api: Api) -> None:
    url = str(api.settings.database_url)
    moved, late, flow, another = (uuid4() for _ in range(4))
    steps = [
        {"step_id": step, "title": step, "position": place} for place, step in enumerate(STEPS)
    ]
    named = api("PUT", f"/flows/{flow}", {"name": "One", "steps": steps}, role="service")
    assert named.status_code == 201
    send(api, in_flow(moved, another, at="09:30:00"), *walked(moved), *walked(late))

    with refreshing_between_sessions_and_steps(api):
        send(api, in_flow(moved, flow, at="09:31:00"), in_flow(late, flow, at="09:30:00"))
    with psycopg.connect(url) as connection:
        assert connection.execute(STORED_VOTES, [flow]).fetchone() == (2,)
    assert steps_and_edges(api, flow)[0] == [(2, 2, 0, 0), (2, 0, 2, 2)]

    send(api, in_flow(moved, another, at="09:32:00"), event("session.deleted", session_id=late))
    assert steps_and_edges(api, flow) == NOTHING
    with snapshot(url) as connection:
        assert compare(connection).wrong == []
    refresh(api.settings, url)
    assert steps_and_edges(api, flow) == NOTHING
