"""`POST /events`: what a back end can rely on, a test each."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
from conftest import Api, Serve
from msgspec.structs import replace

from ingest.settings import Settings

Event = dict[str, Any]

NDJSON = "application/x-ndjson"


def event(kind: str = "user.upserted", **data: object) -> Event:
    """An event of a fresh id; a user's name, if nothing else is asked for."""
    return {
        "id": str(uuid4()),
        "type": kind,
        "occurred_at": "2026-03-01T09:30:00Z",
        "data": data or {"user_id": str(uuid4()), "name": "Ada", "role": "engineer"},
    }


def lines(*items: bytes | Event) -> bytes:
    return b"\n".join(
        item if isinstance(item, bytes) else json.dumps(item).encode() for item in items
    )


def send(
    api: Api, body: bytes, content_type: str | None = "application/json", role: str = "service"
) -> httpx.Response:
    """Send bytes as they are."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    return api("POST", "/events", role=role, content=body, headers=headers)


def results(answer: httpx.Response) -> list[str]:
    """Return what became of each item, having checked what is true of every answer."""
    body = answer.json()
    items = body["items"]
    said = [item["result"] for item in items]
    accepted = [result in {"created", "duplicate"} for result in said]
    assert answer.status_code == (200 if all(accepted) else 207), answer.text
    assert [item["index"] for item in items] == list(range(len(items)))
    assert body["counts"] == {
        result: said.count(result) for result in ("created", "duplicate", "rejected", "retry")
    }
    assert abs(datetime.now(UTC) - datetime.fromisoformat(body["received_at"])) < timedelta(
        minutes=1
    )
    statuses = {"created": {201}, "duplicate": {200}, "retry": {503}}
    for item, result in zip(items, said, strict=True):
        problem = item.get("problem")
        assert (problem is None) == (result in {"created", "duplicate"})
        assert item["status"] in statuses.get(result, {400, 403, 404, 413, 422})
        if problem:
            assert_problem(problem)
            assert problem["status"] == item["status"]
            assert problem["retryable"] is (result == "retry")
    return said


def only_problem(answer: httpx.Response) -> dict[str, Any]:
    """Return the problem of a batch of one that was rejected."""
    assert results(answer) == ["rejected"]
    problem: dict[str, Any] = answer.json()["items"][0]["problem"]
    return problem


def pointers(problem: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]


def assert_problem(problem: dict[str, Any]) -> None:
    """Assert that the problem is whole, and that its type leads to what it means."""
    address = urlsplit(problem["type"])
    assert address.scheme in {"http", "https"}
    assert address.netloc
    assert address.path == f"/problems/{problem['code']}"
    assert problem["title"]
    assert problem["detail"]
    assert isinstance(problem["retryable"], bool)


def assert_refused(api: Api, answer: httpx.Response, status: int, code: str) -> None:
    """Assert that the batch as a whole was refused, and why."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert_problem(body)
    assert (body["status"], body["code"], body["retryable"]) == (status, code, False)
    assert body["instance"].startswith("urn:uuid:")
    explanation = httpx.get(api.url + urlsplit(body["type"]).path)
    assert explanation.status_code == 200
    assert explanation.json()["description"]
    assert {name: explanation.json()[name] for name in ("code", "title", "status")} == {
        name: body[name] for name in ("code", "title", "status")
    }


def stored_events(api: Api) -> set[str]:
    """Return the ids of the account's events in the database itself."""
    return {str(event_id) for (event_id,) in query(api, "select event_id from raw.events")}


def user_names(api: Api) -> list[str]:
    return sorted(name for (name,) in query(api, "select name from raw.users"))


def query(api: Api, select: str) -> list[tuple[Any, ...]]:
    """Read a raw table, the account's rows alone."""
    assert api.settings.database_url
    with psycopg.connect(api.settings.database_url) as connection:
        return connection.execute(
            f"{select} where account_id = %s".encode(), [api.account_id]
        ).fetchall()


# --- the envelope --------------------------------------------------------------------------------


def test_a_json_array_is_taken_in(api: Api) -> None:
    batch = [event(), event(), event()]
    answer = api.post_events(batch)
    assert results(answer) == ["created"] * 3
    assert [item["id"] for item in answer.json()["items"]] == [each["id"] for each in batch]
    assert stored_events(api) == {each["id"] for each in batch}


def test_ndjson_is_taken_in(api: Api) -> None:
    batch = [event(), event(), event()]
    answer = send(api, lines(*batch) + b"\n", NDJSON)
    assert results(answer) == ["created"] * 3
    assert [item["id"] for item in answer.json()["items"]] == [each["id"] for each in batch]
    assert stored_events(api) == {each["id"] for each in batch}


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_a_content_type_may_have_parameters_and_capitals(api: Api, content_type: str) -> None:
    assert results(send(api, json.dumps([event()]).encode(), content_type)) == ["created"]


@pytest.mark.parametrize(
    ("body", "content_type"), [(b"[]", "application/json"), (b"", NDJSON), (b"\n \r\n", NDJSON)]
)
def test_an_empty_batch_is_fine(api: Api, body: bytes, content_type: str) -> None:
    answer = send(api, body, content_type)
    assert results(answer) == []


def test_blank_lines_do_not_count(api: Api) -> None:
    body = lines(b"", event(), b"  \t", event(), b"\r", b"")
    assert results(send(api, body, NDJSON)) == ["created", "created"]


def test_lines_may_end_as_in_windows(api: Api) -> None:
    assert results(send(api, lines(event(), event()).replace(b"\n", b"\r\n"), NDJSON)) == [
        "created",
        "created",
    ]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body[:-1],
        lambda body: body[: len(body) // 2],
        lambda body: body.replace(b"Ada", b"\xff\xfe"),
        lambda body: body + b"]",
        lambda body: body[1:-1],
        lambda _: b"",
        lambda _: b"null",
        lambda _: b'"[]"',
        lambda _: b"[" * 100_000,
        lambda body: b"[" + body[1:-1] + b"," + b"[" * 5_000 + b"]" * 5_000 + b"]",
    ],
    ids=[
        "unclosed",
        "cut off",
        "not UTF-8",
        "closed twice",
        "an object",
        "empty",
        "null",
        "a string",
        "deep",
        "a deep item",
    ],
)
def test_a_broken_array_is_400_and_stores_nothing(
    api: Api, spoil: Callable[[bytes], bytes]
) -> None:
    answer = send(api, spoil(json.dumps([event()]).encode()))
    assert_refused(api, answer, 400, "malformed_body")
    assert stored_events(api) == set()


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonl", None]
)
def test_another_content_type_is_415_and_stores_nothing(api: Api, content_type: str | None) -> None:
    answer = send(api, json.dumps([event()]).encode(), content_type)
    assert_refused(api, answer, 415, "unsupported_media_type")
    assert stored_events(api) == set()


@pytest.mark.parametrize("content_type", ["application/json", NDJSON])
def test_more_than_500_items_are_413_and_store_nothing(api: Api, content_type: str) -> None:
    batch = [event() for _ in range(501)]
    whole, allowed = (
        json.dumps(items).encode() if content_type == "application/json" else lines(*items)
        for items in (batch, batch[:500])
    )
    assert_refused(api, send(api, whole, content_type), 413, "too_large")
    assert stored_events(api) == set()
    assert results(send(api, allowed, content_type)) == ["created"] * 500


def test_a_body_over_a_megabyte_is_413_and_stores_nothing(api: Api) -> None:
    body = json.dumps([event()]).encode()
    answer = send(api, body + b" " * (1_000_001 - len(body)))
    assert_refused(api, answer, 413, "too_large")
    assert stored_events(api) == set()
    assert results(send(api, body + b" " * (1_000_000 - len(body)))) == ["created"]


def test_without_a_token_it_is_401_and_says_which_is_wanted(api: Api) -> None:
    answer = httpx.post(f"{api.url}/api/v1/events", json=[event()])
    assert_refused(api, answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("role", ["engineer", "team_admin", "super_admin"])
def test_only_a_service_sends_batches(api: Api, role: str) -> None:
    answer = send(api, json.dumps([event()]).encode(), role=role)
    assert_refused(api, answer, 403, "forbidden")
    assert stored_events(api) == set()


# --- the same again ------------------------------------------------------------------------------


def test_a_batch_sent_again_is_a_duplicate(api: Api) -> None:
    batch = [event(), event()]
    assert results(api.post_events(batch)) == ["created", "created"]
    assert results(api.post_events([*batch, event()])) == ["duplicate", "duplicate", "created"]
    assert results(send(api, lines(*batch), NDJSON)) == ["duplicate", "duplicate"]


def test_an_event_twice_in_a_batch_is_created_once(api: Api) -> None:
    first, second = event(), event()
    answer = api.post_events([first, first, second, first])
    assert results(answer) == ["created", "duplicate", "created", "duplicate"]
    assert len(user_names(api)) == 2


def test_an_event_id_counts_in_its_own_account_only(api: Api) -> None:
    batch = [event()]
    assert results(api.post_events(batch)) == ["created"]
    assert results(api.of(uuid4()).post_events(batch)) == ["created"]


def test_an_id_that_comes_again_with_another_payload_is_rejected(api: Api) -> None:
    sent = event()
    other = sent | {"data": sent["data"] | {"name": "Bob"}}
    assert results(api.post_events([sent])) == ["created"]
    problem = only_problem(api.post_events([other]))
    assert (problem["status"], problem["code"]) == (422, "event_id_reused")
    assert user_names(api) == ["Ada"]


def test_an_id_with_two_payloads_in_a_batch_is_that_of_the_first(api: Api) -> None:
    sent = event()
    other = sent | {"data": sent["data"] | {"name": "Bob"}}
    answer = api.post_events([sent, other, sent, event()])
    assert results(answer) == ["created", "rejected", "duplicate", "created"]
    assert answer.json()["items"][1]["problem"]["code"] == "event_id_reused"
    assert user_names(api) == ["Ada", "Ada"]


VISIT = {
    "id": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    "type": "step.visited",
    "occurred_at": "2026-03-01T09:30:00Z",
    "data": {
        "session_id": "bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        "step_id": "prüfen",
        "visited_at": "2026-03-01T09:29:00.250Z",
    },
}


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: json.dumps(json.loads(text), indent=4),
        lambda text: json.dumps(json.loads(text), ensure_ascii=False),
        lambda text: json.dumps(dict(reversed(json.loads(text).items()))),
        lambda text: text.replace("Z", "+00:00"),
        lambda text: text.replace("09:30:00Z", "09:30:00.000Z"),
        lambda text: text.replace("T09:30:00Z", "T15:00:00+05:30"),
        lambda text: text.replace("2026-03-01T09:29:00.250Z", "2026-02-28T23:29:00.25-10:00"),
        lambda text: text.replace("aaaaaaaa", "AAAAAAAA").replace("-bbbb", "-BBBB"),
        lambda text: text.replace('"step_id"', '"user_id": null, "step_id"'),
    ],
    ids=[
        "other whitespace",
        "no escapes",
        "other order",
        "+00:00 for Z",
        "a fraction of nothing",
        "another offset",
        "another day",
        "capitals in ids",
        "null for nothing",
    ],
)
def test_the_same_payload_written_differently_is_the_same(
    api: Api, rewrite: Callable[[str], str]
) -> None:
    text = json.dumps(VISIT)
    assert rewrite(text) != text
    assert results(send(api, f"[{text}]".encode())) == ["created"]
    assert results(send(api, f"[{rewrite(text)}]".encode())) == ["duplicate"]


def test_a_time_left_out_is_that_of_the_event(api: Api) -> None:
    data = {"session_id": str(uuid4()), "step_id": "s"}
    sent = event("step.visited", **data)
    assert results(api.post_events([sent])) == ["created"]
    said = sent | {"data": {**data, "visited_at": sent["occurred_at"]}}
    assert results(api.post_events([said])) == ["duplicate"]


# --- one faulty item among good ones -------------------------------------------------------------


def deep(depth: int = 5_000) -> bytes:
    text = json.dumps(event())
    return text.replace('"Ada"', '{"a":' * depth + "1" + "}" * depth).encode()


OVERSIZED = event(session_id=str(uuid4()), was_helpful=True, step_id="s" * 33_000)


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        (b"nonsense", 400, "malformed_body"),
        (b'{"id": "', 400, "malformed_body"),
        (lines(event()) + b"}", 400, "malformed_body"),
        (lines(event()).replace(b"Ada", b"A\\u0000da"), 400, "malformed_body"),
        (lines(event()).replace(b"engineer", b"A\\u0000da"), 400, "malformed_body"),
        (lines(event()).replace(b"Ada", b"A\x00da"), 400, "malformed_body"),
        (lines(event()).replace(b"Ada", b"\xff\xfe"), 400, "malformed_body"),
        (lines(event()).replace(b"Ada", b"\\ud800"), 400, "malformed_body"),
        (deep(), 400, "malformed_body"),
        (lines(OVERSIZED), 413, "too_large"),
        (b"1" * 5_000, 400, "malformed_body"),
        (b"[]", 422, "invalid"),
        (b"17", 422, "invalid"),
        (b"null", 422, "invalid"),
    ],
    ids=[
        "not JSON",
        "cut off",
        "too much",
        "an escaped NUL",
        "an escaped NUL where it does not fit anyway",
        "a NUL",
        "not UTF-8",
        "half a surrogate pair",
        "deep",
        "oversized",
        "a huge number",
        "an array",
        "a number",
        "null",
    ],
)
def test_a_faulty_line_is_rejected_alone(api: Api, line: bytes, status: int, code: str) -> None:
    before, after = event(), event()
    answer = send(api, lines(before, line, after), NDJSON)
    assert results(answer) == ["created", "rejected", "created"]
    item = answer.json()["items"][1]
    assert (item["status"], item["problem"]["code"]) == (status, code)
    assert stored_events(api) == {before["id"], after["id"]}


@pytest.mark.parametrize(
    ("item", "status"),
    [
        (event() | {"data": {"user_id": str(uuid4()), "name": "\0", "role": "engineer"}}, 400),
        (OVERSIZED, 413),
        ([], 422),
        (None, 422),
        ({}, 422),
    ],
    ids=["NUL", "oversized", "an array", "null", "empty"],
)
def test_a_faulty_item_of_an_array_is_rejected_alone(api: Api, item: object, status: int) -> None:
    before, after = event(), event()
    answer = api.post_events([before, item, after])
    assert results(answer) == ["created", "rejected", "created"]
    assert answer.json()["items"][1]["status"] == status
    assert stored_events(api) == {before["id"], after["id"]}


def test_a_rejected_item_is_answered_by_its_id(api: Api) -> None:
    sent = event() | {"occurred_at": "yesterday"}
    answer = api.post_events([sent, sent | {"id": 5}, {}])
    assert results(answer) == ["rejected"] * 3
    assert [item["id"] for item in answer.json()["items"]] == [sent["id"], None, None]


def test_a_rejected_event_can_be_mended_and_sent_again(api: Api) -> None:
    sent = event() | {"occurred_at": "yesterday"}
    assert results(api.post_events([sent])) == ["rejected"]
    assert results(api.post_events([sent | {"occurred_at": "2026-03-01T09:30:00Z"}])) == ["created"]


def test_an_item_of_32_kb_is_the_largest(api: Api) -> None:
    line = lines(event())
    largest = line + b" " * (32_768 - len(line))
    assert results(send(api, largest + b"\n", NDJSON)) == ["created"]
    assert only_problem(send(api, largest + b" \n", NDJSON))["code"] == "too_large"


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"type": "session.exploded"}, "/type", "session.exploded"),
        ({"id": "one"}, "/id", "UUID"),
        ({"data": {"user_id": str(uuid4()), "name": "Ada"}}, "/data", "role"),
        (
            {"data": {"user_id": str(uuid4()), "name": "", "role": "engineer"}},
            "/data/name",
            "length",
        ),
        (
            {"data": {"user_id": "x", "name": "Ada", "role": "engineer"}},
            "/data/user_id",
            "UUID",
        ),
        (
            {"data": {"user_id": str(uuid4()), "name": "Ada", "role": "king"}},
            "/data/role",
            "king",
        ),
        (
            {"data": {"user_id": str(uuid4()), "name": "Ada", "role": "engineer", "age": 36}},
            "/data",
            "age",
        ),
        ({"data": None}, "/data", "object"),
        ({"colour": "green"}, "", "colour"),
        (
            {
                "type": "flow.upserted",
                "data": {
                    "flow_id": str(uuid4()),
                    "name": "F",
                    "steps": [
                        {"step_id": "a", "title": "A", "position": 0},
                        {"step_id": "b", "title": "B", "position": -1},
                    ],
                },
            },
            "/data/steps/1/position",
            "0",
        ),
        (
            {
                "type": "flow.upserted",
                "data": {
                    "flow_id": str(uuid4()),
                    "name": "F",
                    "steps": [{"step_id": "a", "title": "A", "position": 0}] * 2,
                },
            },
            "/data/steps/1/step_id",
            "twice",
        ),
        (
            {"type": "session.rated", "data": {"session_id": str(uuid4()), "rating": "5"}},
            "/data/rating",
            "int",
        ),
    ],
)
def test_a_broken_rule_is_422_and_points_at_the_place(
    api: Api, change: Event, pointer: str, detail: str
) -> None:
    """Of a field that is missing or too many, the place is the object it is about."""
    problem = only_problem(api.post_events([event() | change]))
    assert (problem["status"], problem["code"]) == (422, "invalid")
    assert pointers(problem) == [pointer]
    assert detail in problem["errors"][0]["detail"]
    assert stored_events(api) == set()


@pytest.mark.parametrize("field", ["id", "type", "occurred_at", "data"])
def test_a_missing_field_is_named(api: Api, field: str) -> None:
    sent = event()
    del sent[field]
    problem = only_problem(api.post_events([sent]))
    assert pointers(problem) == [""]
    assert f"`{field}`" in problem["errors"][0]["detail"]


# --- clocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        "2026-03-01T09:30:00",
        "2026-03-01",
        "2026-02-30T09:30:00Z",
        1772357400,
        "",
    ],
)
def test_a_time_that_cannot_be_is_rejected(api: Api, moment: object) -> None:
    problem = only_problem(api.post_events([event() | {"occurred_at": moment}]))
    assert (problem["status"], problem["code"]) == (422, "invalid")
    assert pointers(problem) == ["/occurred_at"]


def test_a_time_more_than_24_hours_ahead_is_rejected(api: Api) -> None:
    """And never silently replaced by another."""
    soon, later = (
        (datetime.now(UTC) + timedelta(hours=hours)).isoformat() for hours in (23.9, 24.1)
    )
    assert results(api.post_events([event() | {"occurred_at": soon}])) == ["created"]
    problem = only_problem(api.post_events([event() | {"occurred_at": later}]))
    assert (problem["status"], problem["code"]) == (422, "invalid")
    assert pointers(problem) == ["/occurred_at"]


@pytest.mark.parametrize(
    ("kind", "field", "data"),
    [
        ("session.started", "started_at", {"flow_id": str(uuid4()), "user_id": str(uuid4())}),
        ("step.visited", "visited_at", {"step_id": "s"}),
        ("session.completed", "completed_at", {"outcome": "resolved"}),
    ],
)
def test_every_time_of_an_event_is_judged(
    api: Api, kind: str, field: str, data: dict[str, str]
) -> None:
    later = (datetime.now(UTC) + timedelta(hours=24.1)).isoformat()
    for moment in (later, "0001-01-01T00:00:00Z", "2026-03-01T09:30:00"):
        sent = event(kind, session_id=str(uuid4()), **data, **{field: moment})
        assert pointers(only_problem(api.post_events([sent]))) == [f"/data/{field}"]


# --- what a service may not say ------------------------------------------------------------------


def test_another_accounts_name_is_404(api: Api) -> None:
    own, other = (
        event("account.upserted", account_id=str(account_id), name="Acme", time_zone="UTC")
        for account_id in (api.account_id, uuid4())
    )
    answer = api.post_events([other, own])
    assert results(answer) == ["rejected", "created"]
    problem = answer.json()["items"][0]["problem"]
    assert (problem["status"], problem["code"]) == (404, "account_not_found")
    assert query(api, "select account_id, name from raw.accounts") == [(api.account_id, "Acme")]


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "europe/berlin", "posix/UTC", "+02:00", "", "UTC\n"]
)
def test_an_unknown_time_zone_is_422(api: Api, zone: str) -> None:
    account_id = str(api.account_id)
    sent = event("account.upserted", account_id=account_id, name="Acme", time_zone=zone)
    problem = only_problem(api.post_events([sent]))
    assert (problem["status"], problem["code"]) == (422, "invalid")
    assert pointers(problem) == ["/data/time_zone"]


def test_a_service_does_not_grant_super_admin(api: Api) -> None:
    granted = {
        role: event(user_id=str(uuid4()), name="Ada", role=role)
        for role in ("engineer", "team_admin", "super_admin")
    }
    answer = api.post_events(list(granted.values()))
    assert results(answer) == ["created", "created", "rejected"]
    problem = answer.json()["items"][2]["problem"]
    assert (problem["status"], problem["code"]) == (403, "forbidden")


# --- for our own reasons -------------------------------------------------------------------------


@pytest.fixture
def own_api(serve: Serve, database_url: str, base_settings: Settings) -> Api:
    """An API on a database of this test's own, which it may break."""
    settings = replace(base_settings, database_url=database_url)
    return Api(serve(settings), settings)


def test_what_the_database_refuses_is_answered_retry_and_its_neighbours_are_stored(
    own_api: Api, database_url: str
) -> None:
    poison = event(user_id=str(uuid4()), name="poison", role="engineer")
    batch = [event(), poison, event(), poison]
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("alter table raw.users add constraint poison check (name <> 'poison')")
        for neighbours in ("created", "duplicate"):
            answer = own_api.post_events(batch)
            assert results(answer) == [neighbours, "retry", neighbours, "retry"]
            problem = answer.json()["items"][1]["problem"]
            assert (problem["status"], problem["code"]) == (503, "unavailable")
        # Nothing is left of it, or it could not be created later.
        assert stored_events(own_api) == {batch[0]["id"], batch[2]["id"]}

        owner.execute("alter table raw.users drop constraint poison")
        assert results(own_api.post_events(batch)) == [
            "duplicate",
            "created",
            "duplicate",
            "duplicate",
        ]
        assert user_names(own_api) == ["Ada", "Ada", "poison"]


@pytest.mark.parametrize(
    ("end", "detail"),
    [
        ("raise exception 'no room' using errcode = 'disk_full';", "room"),
        ("perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1);", "reached"),
    ],
    ids=["disk full", "connection lost"],
)
def test_a_commit_that_fails_is_503_and_stores_nothing(
    own_api: Api, database_url: str, end: str, detail: str
) -> None:
    batch = [event(), event()]
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "create function public.fail() returns trigger language plpgsql security definer as "
            f"$$ begin {end} return null; end $$".encode()
        )
        owner.execute(
            "create constraint trigger fail after insert on raw.users "
            "deferrable initially deferred for each row execute function public.fail()"
        )
        answer = own_api.post_events(batch)
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["Retry-After"]
        assert answer.json()["retryable"] is True
        assert detail in answer.json()["detail"]
        assert stored_events(own_api) == set()
        assert user_names(own_api) == []

        owner.execute("drop trigger fail on raw.users")
        assert results(own_api.post_events(batch)) == ["created", "created"]
