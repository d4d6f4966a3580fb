"""The same request twice is one event: whichever call it is, and however many meet."""

import json
from collections import Counter, defaultdict
from functools import partial
from random import Random
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from acquaintance import STEP
from conftest import Api, Serve
from events import LONG_AGO
from msgspec.structs import replace
from psycopg import sql
from test_concurrent_events import at_once, break_statement, results, slow_down

from ingest.settings import Settings
from ingest.store.statements import SQL

ROUNDS = 12
"""How many requests of each kind there are; each is sent one to five times."""

USER = uuid4()

OURS = ("account_id", "received_at", "started_received_at", "completed_received_at")
"""What differs between two accounts that were told the same at different times."""


class Kind(NamedTuple):
    """A call, the status of the first of the same requests and that of each other."""

    method: str
    path: str
    body: dict[str, Any] | None
    first: int
    again: int
    role: str = "engineer"
    is_completed: bool = False
    """Whether it wants a session that is."""


KINDS = {
    "start": Kind(
        "POST",
        "/sessions",
        {"session_id": "{new}", "flow_id": "{flow}", "started_at": LONG_AGO},
        201,
        200,
    ),
    "visit": Kind(
        "POST", "/sessions/{session}/steps", {"step_id": "a", "visited_at": LONG_AGO}, 201, 200
    ),
    "complete": Kind(
        "POST",
        "/sessions/{session}/complete",
        {"outcome": "resolved", "completed_at": "2026-03-01T09:41:00Z"},
        200,
        200,
    ),
    "rate": Kind(
        "POST",
        "/sessions/{session}/rate",
        {"rating": 4, "comment": "Quick."},
        201,
        409,
        is_completed=True,
    ),
    "rate at the other address": Kind(
        "POST", "/sessions/{session}/ratings", {"rating": 2}, 201, 409, is_completed=True
    ),
    "vote": Kind(
        "POST",
        f"/steps/{STEP}/feedback",
        {"session_id": "{session}", "was_helpful": False},
        201,
        200,
    ),
    "withdraw": Kind("DELETE", "/steps/b/feedback?session_id={session}", None, 204, 204),
    "name a user": Kind(
        "PUT", "/users/{new}", {"name": "Dana", "role": "engineer"}, 201, 200, "service"
    ),
    "name a flow": Kind(
        "PUT",
        "/flows/{new}",
        {"name": "Router", "steps": [{"step_id": "a", "title": "A", "position": 0}]},
        201,
        200,
        "team_admin",
    ),
    "erase a user": Kind("DELETE", "/users/{new}", None, 204, 204, "service"),
    "delete a session": Kind("DELETE", "/sessions/{session}", None, 204, 204, "team_admin"),
}


class Plan(NamedTuple):
    """What there is before, and requests about it; the same for any account."""

    sessions: dict[UUID, bool]
    flow_id: UUID
    requests: list[tuple[str, Kind]]


def planned(*names: str) -> Plan:
    flow_id = uuid4()
    sessions: dict[UUID, bool] = {}
    requests = []
    for name in names * ROUNDS:
        kind = KINDS[name]
        sessions[session_id := uuid4()] = kind.is_completed
        filled = json.dumps([kind.path, kind.body])
        for place, value in (("session", session_id), ("new", uuid4()), ("flow", flow_id)):
            filled = filled.replace(f"{{{place}}}", str(value))
        path, body = json.loads(filled)
        requests.append((name, kind._replace(path=path, body=body)))
    return Plan(sessions, flow_id, requests)


def prepare(api: Api, plan: Plan) -> None:
    for session_id, is_completed in plan.sessions.items():
        start = {
            "session_id": str(session_id),
            "flow_id": str(plan.flow_id),
            "started_at": LONG_AGO,
        }
        assert api("POST", "/sessions", start, user_id=USER).status_code == 201
        if is_completed:
            end = {"outcome": "resolved", "completed_at": "2026-03-01T09:35:00Z"}
            path = f"/sessions/{session_id}/complete"
            assert api("POST", path, end, user_id=USER).status_code == 200


def send(api: Api, kind: Kind) -> httpx.Response:
    return api(kind.method, kind.path, kind.body, role=kind.role, user_id=USER)


def send_up_to_five_times(api: Api, plan: Plan) -> list[str]:
    """Send each request one to five times, 32 at once; return whose answers are wrong."""
    random = Random(6)
    # Next to each other, so that they meet.
    order = [number for number in range(len(plan.requests)) for _ in range(random.randint(1, 5))]
    answers = at_once([partial(send, api, plan.requests[number][1]) for number in order])
    said: dict[int, list[httpx.Response]] = defaultdict(list)
    for number, answer in zip(order, answers, strict=True):
        said[number].append(answer)
    wrong = []
    for number, answers_to_it in said.items():
        name, kind = plan.requests[number]
        statuses = Counter(answer.status_code for answer in answers_to_it)
        if statuses != Counter([kind.first, *[kind.again] * (len(answers_to_it) - 1)]):
            wrong.append(f"{name}: {dict(statuses)}")
        wrong += [
            f"{name}: {answer.text}"
            for answer in answers_to_it
            if answer.status_code == 409 and answer.json()["code"] != "already_rated"
        ]
    return wrong


def rows_of(api: Api) -> dict[str, list[str]]:
    """Return what the raw tables hold of the account, ids and times of our making aside."""
    assert api.settings.database_url
    rows = {}
    with psycopg.connect(api.settings.database_url) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'raw'"
            # A session that was touched twice may be in the log once or twice; and whoever sends
            # more, spends more.
            " and table_name not in ('changes', 'quotas')"
        ).fetchall()
        for (table,) in tables:
            query = sql.SQL(
                "select (to_jsonb(stored) - %s::text[])::text from raw.{} as stored"
                " where account_id = %s order by 1"
            ).format(sql.Identifier(table))
            ours = [*OURS, "payload_hash"] if table == "events" else [*OURS, *MADE_UP]
            found = connection.execute(query, [ours, api.account_id]).fetchall()
            rows[table] = [row for (row,) in found]
    return rows


MADE_UP = (
    *("event_id", "started_event_id", "completed_event_id"),
    *("occurred_at", "started_occurred_at", "completed_occurred_at"),
)
"""A single call makes up the id of its event, and the time of a rating, a vote and a name."""


@pytest.mark.parametrize("name", KINDS)
def test_a_single_call_sent_many_times_at_once_counts_once(api: Api, name: str) -> None:
    plan = planned(name)
    once = api.of(uuid4())
    for account in (api, once):
        prepare(account, plan)
    assert send_up_to_five_times(api, plan) == []
    for _, kind in plan.requests:
        assert send(once, kind).status_code == kind.first
    assert rows_of(api) == rows_of(once)


def test_all_kinds_of_calls_at_once_count_once(api: Api) -> None:
    plan = planned(*KINDS)
    once = api.of(uuid4())
    for account in (api, once):
        prepare(account, plan)
    assert send_up_to_five_times(api, plan) == []
    for _, kind in plan.requests:
        assert send(once, kind).status_code == kind.first
    assert rows_of(api) == rows_of(once)


def test_an_account_named_many_times_at_once_is_new_once(api: Api) -> None:
    body = {"name": "Ours", "time_zone": "Europe/Berlin"}
    path = f"/accounts/{api.account_id}"
    answers = at_once([partial(api, "PUT", path, body, role="service")] * 20)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}


def test_judging_without_waiting_for_ones_turn_is_found(
    serve: Serve,
    database_url: str,
    base_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control: calls that look first and then insert do not pass the tests above."""
    monkeypatch.setitem(
        SQL, "lock_sessions", b"select %(account_id)s::uuid, %(session_ids)s::uuid[]"
    )
    settings = replace(base_settings, database_url=database_url)
    api = Api(serve(settings), settings)
    plan = planned("start", "visit")
    prepare(api, plan)
    with psycopg.connect(database_url, autocommit=True) as owner:
        slow_down(owner, "step_visits", seconds=0.01)
    assert send_up_to_five_times(api, plan) != []


# --- batches -------------------------------------------------------------------------------------


def history() -> list[dict[str, Any]]:
    """An event of every kind about each of some sessions, each with an id of its own."""
    events = []
    for number in range(20):
        session_id, user_id, flow_id = str(uuid4()), str(uuid4()), str(uuid4())
        session = {"session_id": session_id}
        steps = [{"step_id": STEP, "title": "Check", "position": 0}]
        kinds: list[tuple[str, dict[str, Any]]] = [
            ("user.upserted", {"user_id": user_id, "name": f"User {number}", "role": "engineer"}),
            ("flow.upserted", {"flow_id": flow_id, "name": f"Flow {number}", "steps": steps}),
            ("session.started", session | {"flow_id": flow_id, "user_id": user_id}),
            ("step.visited", session | {"step_id": STEP}),
            ("session.completed", session | {"outcome": "escalated"}),
            ("session.rated", session | {"rating": 1 + number % 5, "comment": "Hm."}),
            ("step.feedback", session | {"step_id": STEP, "was_helpful": number % 2 == 0}),
        ]
        if number % 5 == 0:
            kinds += [("session.deleted", session), ("user.erased", {"user_id": user_id})]
        events += [
            {"id": str(uuid4()), "type": kind, "occurred_at": LONG_AGO, "data": data}
            for kind, data in kinds
        ]
    return events


def send_in_overlapping_batches(api: Api, events: list[dict[str, Any]]) -> Counter[str]:
    """Send each event one to five times, in batches of any order, 32 at once.

    Returns how often each id was said to be created.
    """
    random = Random(6)
    often = [event for event in events for _ in range(random.randint(1, 5))]
    random.shuffle(often)
    batches = [often[start : start + 15] for start in range(0, len(often), 15)]
    # Some batches twice as they are, as a client does that heard no answer.
    calls = [partial(api.post_events, batch) for batch in batches for _ in range(2)]
    said = [each for answer in at_once(calls) for each in results(answer)]
    assert {event["id"] for event in events} == {event_id for event_id, _ in said}
    return Counter(event_id for event_id, result in said if result == "created")


def test_overlapping_batches_sent_many_times_at_once_count_once(api: Api) -> None:
    events = history()
    created = send_in_overlapping_batches(api, events)
    assert created == Counter(event["id"] for event in events)
    once = api.of(uuid4())
    results(once.post_events(events))
    assert rows_of(api) == rows_of(once)


def test_batches_that_look_first_and_then_insert_are_found(
    serve: Serve,
    database_url: str,
    base_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control: the wrong way to register ids does not pass the test above."""
    break_statement(
        monkeypatch,
        "register_events",
        "order by event.event_id on conflict (account_id, event_id) do nothing",
        "where not exists (select true from raw.events"
        " where account_id = %(account_id)s and events.event_id = event.event_id)",
    )
    settings = replace(base_settings, database_url=database_url)
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("alter table raw.events drop constraint events_pkey")
        slow_down(owner, "events", seconds=0.001)
    events = [event for event in history() if event["type"] == "user.upserted"]
    created = send_in_overlapping_batches(Api(serve(settings), settings), events)
    assert created != Counter(event["id"] for event in events)
