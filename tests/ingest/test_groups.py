"""Ratings and votes that share a transaction are judged as if each were alone."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from conftest import Api, Serve, with_changes
from events import event

from ingest.settings import Settings
from ingest.store.statements import SQL

ENGINEER = uuid4()
AT_ONCE = 16


@pytest.fixture
def own_api(serve: Serve, database_url: str, base_settings: Settings) -> Api:
    """An API on a database of this test's own, which it may change."""
    settings = with_changes(base_settings, database_url=database_url)
    return Api(serve(settings), settings)


@contextmanager
def owner_of(api: Api) -> Iterator[psycopg.Connection[Any]]:
    assert api.settings.database_url
    with psycopg.connect(api.settings.database_url, autocommit=True) as connection:
        yield connection


def completed_sessions(api: Api, count: int) -> list[str]:
    """Start and complete sessions of the engineer."""
    sessions = [str(uuid4()) for _ in range(count)]
    who = {"flow_id": uuid4(), "user_id": ENGINEER}
    batch = [event("session.started", session_id=each, **who) for each in sessions]
    batch += [event("session.completed", session_id=each, outcome="resolved") for each in sessions]
    assert api.post_events(batch).status_code == 200
    return sessions


def rate(api: Api, session_id: str, comment: str = "Quick.") -> httpx.Response:
    body = {"rating": 5, "comment": comment}
    return api("POST", f"/sessions/{session_id}/rate", body, user_id=ENGINEER)


def vote(api: Api, session_id: str) -> httpx.Response:
    body = {"session_id": session_id, "was_helpful": True}
    return api("POST", "/steps/s/feedback", body, user_id=ENGINEER)


@contextmanager
def held_back(api: Api) -> Iterator[psycopg.Connection[Any]]:
    """Hold the account, as an erasure does: what is written meanwhile waits for the end."""
    with owner_of(api) as connection, connection.transaction():
        connection.execute(SQL["lock_account_alone"], {"account_id": api.account_id})
        yield connection


def in_one_group(api: Api, calls: Sequence[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """Make the calls while the account is held back: those behind the first share the next."""
    with ThreadPoolExecutor(len(calls)) as pool:
        with held_back(api):
            answers = [pool.submit(call) for call in calls]
            time.sleep(0.5)
        return [answer.result() for answer in answers]


def stored(api: Api, table: str) -> Counter[UUID]:
    with owner_of(api) as connection:
        rows = connection.execute(
            f"select session_id from raw.{table} where account_id = %s".encode(), [api.account_id]
        )
        return Counter(session_id for (session_id,) in rows)


def test_each_of_a_group_gets_its_own_answer(api: Api) -> None:
    sessions = completed_sessions(api, AT_ONCE)
    unknown = [str(uuid4()) for _ in range(AT_ONCE)]
    answers = in_one_group(api, [partial(rate, api, each) for each in sessions + unknown])
    assert [answer.status_code for answer in answers] == [201] * AT_ONCE + [404] * AT_ONCE
    assert [answer.json()["session_id"] for answer in answers[:AT_ONCE]] == sessions
    assert stored(api, "session_ratings") == Counter(map(UUID, sessions))


@pytest.mark.parametrize(
    ("call", "first", "again", "table"),
    [(rate, 201, 409, "session_ratings"), (vote, 201, 200, "step_feedback")],
)
def test_of_the_same_at_once_one_is_the_first(
    api: Api, call: Callable[..., httpx.Response], first: int, again: int, table: str
) -> None:
    (session_id,) = completed_sessions(api, 1)
    answers = in_one_group(api, [partial(call, api, session_id)] * AT_ONCE)
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {first: 1, again: AT_ONCE - 1}
    assert stored(api, table) == {UUID(session_id): 1}


def test_what_the_database_refuses_fails_alone(own_api: Api) -> None:
    sessions = completed_sessions(own_api, AT_ONCE)
    with owner_of(own_api) as owner:
        owner.execute("alter table raw.session_ratings add check (comment <> 'poison')")
    poisoned = sessions[AT_ONCE // 2]
    calls = [
        partial(rate, own_api, each, "poison" if each == poisoned else "Quick.")
        for each in sessions
    ]
    answers = dict(zip(sessions, in_one_group(own_api, calls), strict=True))
    refused = answers.pop(poisoned)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert {answer.status_code for answer in answers.values()} == {201}
    assert stored(own_api, "session_ratings") == Counter(map(UUID, answers))


def test_a_commit_that_fails_is_503_and_stores_nothing(own_api: Api) -> None:
    """The statement had succeeded: its answer must not be given before the commit."""
    (session_id,) = completed_sessions(own_api, 1)
    before = stored(own_api, "changes")
    with owner_of(own_api) as owner:
        owner.execute(
            "create function public.refuse() returns trigger language plpgsql"
            " as $$ begin raise exception 'no commit'; end $$"
        )
        owner.execute(
            "create constraint trigger refuse after insert on raw.session_ratings"
            " deferrable initially deferred for each row execute function public.refuse()"
        )
        # The error may come before the pipeline's end, or with it.
        assert {rate(own_api, session_id).status_code for _ in range(50)} == {503}
        assert stored(own_api, "session_ratings") == {}
        assert stored(own_api, "changes") == before
        owner.execute("drop trigger refuse on raw.session_ratings")
    assert rate(own_api, session_id).status_code == 201


def rate_amid_an_erasure(api: Api) -> int:
    """Rate a session while it is being erased; return the status."""
    (session_id,) = completed_sessions(api, 1)
    statuses: list[int] = []
    rating = threading.Thread(target=lambda: statuses.append(rate(api, session_id).status_code))
    with held_back(api) as connection:
        connection.execute(
            "delete from raw.sessions where account_id = %s and session_id = %s",
            [api.account_id, session_id],
        )
        rating.start()
        rating.join(1)
    rating.join(10)
    return statuses[0]


def test_a_rating_that_waited_for_an_erasure_sees_it(api: Api) -> None:
    assert rate_amid_an_erasure(api) == 404


def test_a_rating_that_does_not_wait_for_an_erasure_is_found(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: judged before it is locked, the session is rated though erased."""
    monkeypatch.setitem(SQL, "lock_account_and_sessions", b"select %(account_id)s, %(items)s")
    assert rate_amid_an_erasure(api) == 201
