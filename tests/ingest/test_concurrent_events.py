"""Many writers at once: the same event twice is one event, and erased is erased."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from conftest import Api, Serve
from events import Event, event, named
from msgspec.structs import replace
from psycopg import sql

from ingest.settings import Settings
from ingest.store.statements import SQL

T = TypeVar("T")

WRITERS = 32


def at_once(calls: Sequence[Callable[[], T]], writers: int = WRITERS) -> list[T]:
    """Make the calls, in order, so many at a time, the first ones in the same instant."""
    barrier = Barrier(min(writers, len(calls)))

    def make(number: int) -> T:
        if number < barrier.parties:
            barrier.wait(10)
        return calls[number]()

    with ThreadPoolExecutor(writers) as pool:
        return list(pool.map(make, range(len(calls))))


def results(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 200, answer.text
    return [(item["id"], item["result"]) for item in answer.json()["items"]]


def connect(api: Api) -> psycopg.Connection[Any]:
    assert api.settings.database_url
    return psycopg.connect(api.settings.database_url, autocommit=True)


@pytest.fixture
def own_api(serve: Serve, database_url: str, base_settings: Settings) -> Api:
    """An API on a database of this test's own, which it may change."""
    settings = replace(base_settings, database_url=database_url)
    return Api(serve(settings), settings)


def break_statement(monkeypatch: pytest.MonkeyPatch, name: str, right: str, wrong: str) -> None:
    """Put a wrong statement into the place of a right one, however that is laid out."""
    pattern = r"\s*".join(re.escape(word) for word in right.split())
    broken, count = re.subn(pattern, wrong, SQL[name].decode())
    assert count == 1
    monkeypatch.setitem(SQL, name, broken.encode())


# --- the same event twice is one event -----------------------------------------------------------


def send_up_to_five_times(api: Api) -> dict[str, list[str]]:
    """Send 100 events, each one to five times, 32 at once; return what was said of each."""
    random = Random(6)
    calls: list[Callable[[], httpx.Response]] = []
    for _ in range(100):
        sent = named()
        # Next to each other, so that they meet.
        calls += [partial(api.post_events, [sent])] * random.randint(1, 5)
    said: dict[str, list[str]] = defaultdict(list)
    for answer in at_once(calls):
        for event_id, result in results(answer):
            said[event_id].append(result)
    assert len(said) == 100
    return said


def test_an_event_sent_many_times_at_once_is_created_once(api: Api) -> None:
    said = send_up_to_five_times(api)
    for each in said.values():
        assert sorted(each) == ["created", *["duplicate"] * (len(each) - 1)]
    with connect(api) as connection:
        for read in ("select event_id from raw.events", "select event_id from raw.users"):
            rows = connection.execute(f"{read} where account_id = %s".encode(), [api.account_id])
            assert Counter(str(event_id) for (event_id,) in rows) == Counter(said.keys())


def test_looking_first_and_then_inserting_is_found(
    own_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the wrong way to do it does not pass the test above."""
    look_first = (
        "where not exists (select true from raw.events"
        " where account_id = %(account_id)s and events.event_id = event.event_id)"
    )
    break_statement(
        monkeypatch,
        "register_events",
        "order by event.event_id on conflict (account_id, event_id) do nothing",
        look_first,
    )
    with connect(own_api) as owner:
        owner.execute("alter table raw.events drop constraint events_pkey")
        slow_down(owner, "events", seconds=0.01)
        said = send_up_to_five_times(own_api)
    assert any(each.count("created") > 1 for each in said.values())


def slow_down(owner: psycopg.Connection[Any], table: str, seconds: float) -> None:
    """Make every insert into a raw table take its time, and count the rows it was tried with.

    A sequence, because what it counted stays when the transaction is rolled back.
    """
    owner.execute("create sequence public.tries")
    owner.execute(
        "create function public.slow_down() returns trigger language plpgsql"
        " security definer as $$ begin"
        f" perform nextval('public.tries'); perform pg_sleep({seconds}); return new;"
        " end $$".encode()
    )
    owner.execute(
        sql.SQL(
            "create trigger slow_down before insert on raw.{} "
            "for each row execute function public.slow_down()"
        ).format(sql.Identifier(table))
    )


def send_in_opposite_orders(api: Api) -> bool:
    """Send a batch forwards and backwards at once; say whether one of them was tried again."""
    batch = [named() for _ in range(10)]
    with connect(api) as connection:
        connection.execute("select setval('public.tries', 1, false)")
        answers = at_once([partial(api.post_events, each) for each in (batch, batch[::-1])])
        row = connection.execute("select last_value from public.tries").fetchone()
    said = Counter(each for answer in answers for each in results(answer))
    assert said == Counter(
        (sent["id"], result) for sent in batch for result in ("created", "duplicate")
    )
    return row != (2 * len(batch),)


def test_batches_in_opposite_orders_do_not_deadlock(own_api: Api) -> None:
    with connect(own_api) as owner:
        slow_down(owner, "events", seconds=0.001)
    assert not any(send_in_opposite_orders(own_api) for _ in range(10))


def test_a_deadlock_is_tried_again_and_no_error(
    own_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the negative control of the test above: out of order, they do deadlock."""
    break_statement(monkeypatch, "register_events", "order by event.event_id", "")
    with connect(own_api) as owner:
        slow_down(owner, "events", seconds=0.001)
    # The first that meet deadlock.
    assert any(send_in_opposite_orders(own_api) for _ in range(10))


def test_events_about_the_same_things_in_opposite_orders_are_all_created(api: Api) -> None:
    """Their ids differ, and still they write the same rows."""
    users, sessions = [uuid4() for _ in range(20)], [uuid4() for _ in range(20)]

    def batch() -> list[Event]:
        return [
            each
            for user_id, session_id in zip(users, sessions, strict=True)
            for each in (
                named(user_id),
                event("session.rated", session_id=session_id, rating=5),
                event("step.visited", session_id=session_id, step_id="s"),
                event("session.started", session_id=session_id, flow_id=uuid4(), user_id=user_id),
                event("session.completed", session_id=session_id, outcome="resolved"),
                event("step.feedback", session_id=session_id, step_id="s", was_helpful=True),
            )
        ]

    batches = [each for _ in range(8) for each in (batch(), batch()[::-1])]
    calls = [partial(api.post_events, each) for each in batches]
    said = [result for answer in at_once(calls) for _, result in results(answer)]
    assert said == ["created"] * len(said)


# --- erased is erased ----------------------------------------------------------------------------


def erase_amid_writes(api: Api) -> list[str]:
    """Erase a user while much is written about them; return what is left of them."""
    user_id, other_user, flow_id, others_session = uuid4(), uuid4(), uuid4(), uuid4()
    others = {"session_id": others_session, "user_id": other_user}
    batch_of_other = [
        event("session.started", **others, flow_id=flow_id),
        event("step.feedback", **others, step_id="s", was_helpful=True),
    ]
    assert len(results(api.post_events(batch_of_other))) == 2
    sessions: list[UUID] = []

    def start_by_call() -> None:
        sessions.append(session_id := uuid4())
        body = {"session_id": str(session_id), "flow_id": str(flow_id)}
        answer = api("POST", "/sessions", body, user_id=user_id)
        assert answer.status_code == 201 or answer.json()["code"] == "erased", answer.text

    def start_by_event() -> None:
        sessions.append(session_id := uuid4())
        batch = [
            event("step.visited", session_id=session_id, step_id="s"),
            event("session.rated", session_id=session_id, rating=1, comment="Hello."),
            event("session.started", session_id=session_id, flow_id=flow_id, user_id=user_id),
        ]
        assert len(results(api.post_events(batch))) == 3

    def vote_by_event() -> None:
        vote = {"session_id": others_session, "step_id": uuid4().hex, "was_helpful": True}
        batch = [named(user_id), event("step.feedback", **vote, user_id=user_id)]
        assert len(results(api.post_events(batch))) == 2

    def erase_by_call() -> None:
        assert api("DELETE", f"/users/{user_id}", role="service").status_code == 204

    def erase_by_event() -> None:
        assert len(results(api.post_events([event("user.erased", user_id=user_id)]))) == 1

    writes = [start_by_call, start_by_event, vote_by_event] * 4
    at_once([*writes, erase_by_call, *writes, erase_by_event, *writes])

    left = []
    with connect(api) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'raw'"
            # The log of changes names sessions.
            " and table_name <> 'changes'"
        ).fetchall()
        for (table,) in tables:
            found = sql.SQL(
                "select stored::text from raw.{} as stored"
                " where account_id = %s and stored::text like any(%s)"
            ).format(sql.Identifier(table))
            ids = [f"%{each}%" for each in [user_id, *sessions]]
            left += [
                f"{table}: {row}" for (row,) in connection.execute(found, [api.account_id, ids])
            ]
        kept = connection.execute(
            "select user_id from raw.step_feedback where account_id = %s and user_id = %s",
            [api.account_id, other_user],
        ).fetchall()
    assert kept == [(other_user,)]
    return left


def test_a_user_erased_amid_writes_leaves_nothing(api: Api) -> None:
    for _ in range(5):
        assert erase_amid_writes(api) == []


def test_an_erasure_beside_other_writers_is_found(
    own_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without the lock of its own an erasure misses what is not yet committed."""
    monkeypatch.setitem(SQL, "lock_account_alone", SQL["lock_account_shared"])
    with connect(own_api) as owner:
        slow_down(owner, "sessions", seconds=0.01)
    assert any(erase_amid_writes(own_api) for _ in range(5))
