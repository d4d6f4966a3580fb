"""Post a rating, read the flow: the next request has it."""

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from conftest import Api, Serve
from watcher import watching

from ingest.refresh import refresh
from ingest.settings import Settings

TIMES = 1_000
FLOW, ENGINEER = str(uuid4()), uuid4()


@pytest.fixture
def apis(serve: Serve, new_live_settings: Callable[[], Settings]) -> list[Api]:
    """Two API processes' worth of pools and kept answers on one database with live marts."""
    settings, account_id = new_live_settings(), uuid4()
    return [Api(serve(settings), settings, account_id) for _ in range(2)]


def complete_sessions(api: Api, number: int) -> list[str]:
    """Send so many completed sessions of the flow; return their ids."""
    sessions = [str(uuid4()) for _ in range(number)]
    event = {"occurred_at": "2026-03-01T09:30:00Z"}
    started = {"flow_id": FLOW, "user_id": str(ENGINEER)}
    events = [
        event | {"id": str(uuid4()), "type": kind, "data": {"session_id": session_id} | data}
        for session_id in sessions
        for kind, data in (
            ("session.started", started),
            ("session.completed", {"outcome": "resolved"}),
        )
    ]
    for first in range(0, len(events), 500):
        assert api.post_events(events[first : first + 500]).status_code == 200
    return sessions


def rate(api: Api, session_id: str, rating: int) -> datetime:
    path = f"/sessions/{session_id}/rate"
    answer = api("POST", path, {"rating": rating}, user_id=ENGINEER)
    assert answer.status_code == 201, answer.text
    return datetime.fromisoformat(answer.json()["created_at"])


def read_flow(api: Api) -> dict[str, Any]:
    answer = api("GET", f"/analytics/flows/{FLOW}", params={"period": "7d"})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_the_next_request_has_it(apis: list[Api]) -> None:
    sessions = complete_sessions(apis[0], TIMES)
    pending: list[int] = []
    said: list[str] = []
    settings = apis[0].settings
    with watching(str(settings.database_url), settings.home, said.append):
        points = 0
        for number, session_id in enumerate(sessions, 1):
            # Whether it is the same process that takes it in and that answers, or not.
            writer, reader = apis[number % 2], apis[number // 2 % 2]
            rated_at = rate(writer, session_id, 1 + number % 5)
            points += 1 + number % 5
            body = read_flow(reader)
            assert body["total_ratings"] == number
            assert body["avg_csat"] == pytest.approx(points / number, abs=0.0501)
            meta = body["meta"]
            assert rated_at == datetime.fromisoformat(meta["data_through"])
            assert rated_at <= datetime.fromisoformat(meta["as_of"])
            pending.append(meta["pending"])
    # Or there was nothing to it: refreshes took ratings away from under the answers.
    assert sum(line.startswith("refreshed in") for line in said) >= 3, said
    assert sum(before > after for before, after in pairwise(pending)) >= 3


def test_an_answer_that_is_not_corrected_is_found(apis: list[Api]) -> None:
    """Negative control: whoever does not look at what is pending serves what is stored."""
    url = str(apis[0].settings.database_url)
    first, second = complete_sessions(apis[0], 2)
    rate(apis[0], first, 5)
    refresh(apis[0].settings, url)
    with psycopg.connect(url) as owner:
        owner.execute(
            "create or replace view live.pending_sessions as"
            " select account_id, session_id from raw.changes where false"
        )
    assert read_flow(apis[0])["total_ratings"] == 1
    rate(apis[0], second, 5)
    assert read_flow(apis[0])["total_ratings"] == 1
