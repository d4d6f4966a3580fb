"""The marts as endpoints: who reads them, what can be asked, and that nothing breaks them."""

import base64
import csv
import io
import itertools
import json
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx
import pyarrow as pa
import pytest
from conftest import Api
from mart_readers import ALL, assert_alike_in_every_format, by_pages, get, rows_of

from ingest.mart_query import LARGEST_LIMIT
from ingest.refresh import refresh

MARTS = (
    *("account_days", "account_durations", "account_hours", "account_summaries", "breakdowns"),
    *("daily_outcomes", "daily_ratings", "daily_step_edges", "daily_step_feedback"),
    *("daily_step_visits", "data_freshness", "engineer_leaderboard", "engineer_rollups"),
    *("engineer_summaries", "flow_durations", "flow_leaderboard", "flow_rollups", "flow_steps"),
    *("flow_summaries", "flows", "periods", "step_edges", "step_summaries"),
)
SPOKEN = "2026-03-01T09:30:00Z"
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1")
NAMES = (*FORMULAS, "Router", 'O\'Neil, "quoted"\nand more', "数据 \U0001f680", "'=1")
NASTY = (
    "' or 1=1 --",
    "'; drop table raw.sessions; --",
    "1) union select 1,2,3 --",
    '"; select pg_sleep(9); --',
    "%s %(account_id)s {} $1",
    "\\",
    "\0",
    "9" * 400,
    "-9223372036854775809",
    "1e999",
    "NaN",
    "null",
    "",
    ",",
    "2026-02-30",
    "0000-01-01",
    "9999-12-31T23:59:60Z",
    "0001-01-01T00:00:00+10:00",
    "2026-03-01T03:18:44+19:07",
    "\ud800".encode("utf-8", "surrogatepass"),
    "x" * 3_000,
    "account_id",
)
NOW = datetime.now(UTC)


def story(account_id: UUID) -> list[dict[str, Any]]:
    """Some weeks of an account; every name is a cell that could go wrong."""
    events: list[dict[str, Any]] = []

    def add(kind: str, days_ago: float, **data: Any) -> None:
        data = {key: str(each) if isinstance(each, UUID) else each for key, each in data.items()}
        at = (NOW - timedelta(days=days_ago)).isoformat()
        events.append({"id": str(uuid4()), "type": kind, "occurred_at": at, "data": data})

    add("account.upserted", 40, account_id=account_id, name="Ours", time_zone="Asia/Kolkata")
    flows = [uuid4() for _ in NAMES]
    engineers = [uuid4() for _ in range(3)]
    for flow, name in zip(flows, NAMES, strict=True):
        steps = [{"step_id": f"{s}", "title": name, "position": i} for i, s in enumerate("ab")]
        add("flow.upserted", 40, flow_id=flow, name=name, steps=steps)
    for number in range(60):
        session, at = uuid4(), 0.5 + number % 35
        flow, engineer = flows[number % 4], engineers[number % 3]
        add("session.started", at, session_id=session, flow_id=flow, user_id=engineer)
        add("step.visited", at, session_id=session, step_id="ab"[number % 2])
        if number % 3 == 0:
            add("step.visited", at - 0.005, session_id=session, step_id="ba"[number % 2])
        if number % 4:
            outcome = ["resolved", "escalated", "workaround"][number % 3]
            add("session.completed", at - 0.01, session_id=session, outcome=outcome)
        if number % 4 == 1:
            add("session.rated", at - 0.02, session_id=session, rating=number % 5 + 1)
            helpful = number % 8 == 1
            add("step.feedback", at, session_id=session, step_id="a", was_helpful=helpful)
    return events


@pytest.fixture(scope="module")
def shop(shared_live_api: Api) -> Api:
    """An account with a part of its story stored, and a part pending."""
    api = shared_live_api.of(uuid4())
    events = story(api.account_id)
    assert api.post_events(events[:150]).status_code == 200
    refresh(api.settings, str(api.settings.database_url))
    assert api.post_events(events[150:]).status_code == 200
    return api


@pytest.fixture(scope="module")
def whole(shop: Api) -> dict[str, list[dict[str, Any]]]:
    """All rows of every mart."""
    found = {name: rows_of(shop, name, limit=LARGEST_LIMIT) for name in MARTS}
    assert all(found.values()), {name for name, rows in found.items() if not rows}
    return found


# --- what is served, and to whom ------------------------------------------------------------------


def test_the_list_names_what_is_served(shop: Api) -> None:
    body = shop("GET", "/marts", role="service").json()
    assert [mart["name"] for mart in body["marts"]] == list(MARTS)
    assert body["refused"] == []
    for mart in body["marts"]:
        assert mart["grain"].startswith("One row per ")
        described = httpx.get(
            f"{shop.url}{mart['schema_href']}",
            headers={"Authorization": f"Bearer {shop.token('service')}"},
        ).json()
        assert len(described["columns"]) == mart["columns_count"]


def test_a_mart_is_described_as_its_yaml_has_it(shop: Api) -> None:
    body = shop("GET", "/marts/daily_outcomes/schema", role="team_admin").json()
    assert body["key"] == ["day", "flow_id", "user_id"]
    day = {
        "name": "day",
        "type": "date",
        "description": "The day (calendar day in the account's time zone).",
        "unit": None,
        "nullable": False,
        "filters": ["day", "day_from", "day_to"],
    }
    assert body["columns"][0] == day
    assert "account_id" not in [column["name"] for column in body["columns"]]


def test_a_columns_own_name_goes_before_a_range(shop: Api) -> None:
    columns = shop("GET", "/marts/periods/schema", role="team_admin").json()["columns"]
    filters = {column["name"]: column["filters"] for column in columns}
    assert filters["day_from"] == ["day_from", "day_from_from", "day_from_to"]


@pytest.mark.parametrize("path", ["", "/daily_outcomes", "/daily_outcomes/schema", "/nonsense"])
def test_engineers_read_no_mart(shop: Api, path: str) -> None:
    """Or they would see the leaderboard that is not shown to them."""
    assert shop("GET", f"/marts{path}").status_code == 403


@pytest.mark.parametrize("name", ["users", "facts", "accounts", "nonsense", "pg_user", "a.b.c"])
def test_what_does_not_ask_to_be_served_is_not(shop: Api, name: str) -> None:
    for path in (f"/marts/{name}", f"/marts/{name}/schema"):
        answer = shop("GET", path, role="super_admin")
        assert (answer.status_code, answer.json()["code"]) == (404, "mart_not_found")


def test_marts_that_nobody_built_are_503(api: Api) -> None:
    for path in ("/marts", "/marts/daily_outcomes", "/marts/daily_outcomes/schema"):
        answer = api("GET", path, role="team_admin")
        assert (answer.status_code, answer.json()["code"]) == (503, "marts_not_built")


@pytest.mark.parametrize("name", MARTS)
def test_another_account_sees_none_of_it(shop: Api, whole: Any, name: str) -> None:
    other = shop.of(uuid4())
    assert rows_of(other, name) == []
    assert get(other, name, account_id=str(shop.account_id)).status_code == 403
    seen = get(other, name, account_id=str(shop.account_id), role="super_admin", limit=10_000)
    assert whole[name] == seen.json()["data"]
    shown = {column for row in whole[name] for column in row}
    assert "account_id" not in shown


# --- what can be asked ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", MARTS)
def test_every_filter_lets_through_what_it_says(shop: Api, whole: Any, name: str) -> None:
    rows = whole[name]
    described = shop("GET", f"/marts/{name}/schema", role="team_admin").json()
    for column in described["columns"]:
        own, *ranges = column["filters"]
        assert own == column["name"]
        values = sorted({json.dumps(row[own]) for row in rows if row[own] is not None})
        some = [json.loads(each) for each in values[:: max(1, len(values) // 3)][:3]]
        expected = [row for row in rows if row[own] in some]
        asked = [str(each).lower() if isinstance(each, bool) else each for each in some]
        assert expected == rows_of(shop, name, limit=LARGEST_LIMIT, **{own: asked}), own
        for each in ranges:
            expected = [
                row
                for row in rows
                if row[own] is not None
                and (row[own] >= some[0] if each.endswith("_from") else row[own] <= some[0])
            ]
            found = rows_of(shop, name, limit=LARGEST_LIMIT, **{each: some[0]})
            assert expected == found, each


def test_filters_hold_together(shop: Api, whole: Any) -> None:
    first = whole["daily_outcomes"][0]
    days = [row["day"] for row in whole["daily_outcomes"]]
    asked = {"flow_id": first["flow_id"], "day_from": days[5], "sessions_to": 1}
    expected = [
        row
        for row in whole["daily_outcomes"]
        if row["flow_id"] == first["flow_id"] and row["day"] >= days[5] and row["sessions"] <= 1
    ]
    assert expected == rows_of(shop, "daily_outcomes", **asked)
    assert 0 < len(expected) < len(days)


@pytest.mark.parametrize("order", ["", "day", "-day", "-sessions,day", "flow_id,-user_id,-day"])
@pytest.mark.parametrize("limit", [1, 7, 10_000])
def test_pages_make_up_the_whole_in_order(shop: Api, whole: Any, order: str, limit: int) -> None:
    expected = list(whole["daily_outcomes"])
    key = [each for each in ("day", "flow_id", "user_id") if each not in order.replace("-", "")]
    for each in reversed([*filter(None, order.split(",")), *key]):
        name = each.removeprefix("-")
        expected.sort(key=itemgetter(name), reverse=each != name)
    asked = {"order_by": order} if order else {}
    found = by_pages(shop, "daily_outcomes", limit, **asked, columns="day,flow_id,user_id,sessions")
    shown = ("day", "flow_id", "user_id", "sessions")
    assert [{name: row[name] for name in shown} for row in expected] == found


@pytest.mark.parametrize("name", MARTS)
def test_every_mart_can_be_paged(shop: Api, whole: Any, name: str) -> None:
    assert whole[name] == by_pages(shop, name, 11)


def test_columns_come_in_the_order_that_was_asked_for(shop: Api) -> None:
    rows = rows_of(shop, "daily_outcomes", columns="sessions,day", limit=2)
    assert [list(row) for row in rows] == [["sessions", "day"]] * 2
    answer = get(shop, "daily_outcomes", columns="sessions,day", format="csv", limit=1)
    assert answer.text.splitlines()[0] == "sessions,day"


def test_the_total_is_of_all_pages(shop: Api, whole: Any) -> None:
    flow_id = whole["daily_outcomes"][0]["flow_id"]
    expected = sum(row["flow_id"] == flow_id for row in whole["daily_outcomes"])
    asked = {"flow_id": flow_id, "limit": 2, "total": "true"}
    assert get(shop, "daily_outcomes", **asked).json()["meta"]["total"] == expected > 2
    answer = get(shop, "daily_outcomes", **asked | {"limit": ALL, "format": "csv"})
    assert answer.headers["upshot-total"] == str(expected)


def test_meta_says_how_far_the_rows_reach(shop: Api) -> None:
    answer = get(shop, "daily_outcomes", limit=1)
    meta = answer.json()["meta"]
    assert meta["time_zone"] == "Asia/Kolkata"
    assert meta["pending"] > 0
    assert NOW <= datetime.fromisoformat(meta["data_through"])
    headers = get(shop, "daily_outcomes", limit=1, format="csv").headers
    assert headers["upshot-data-through"] == meta["data_through"].replace("Z", "+00:00")
    assert headers["upshot-pending"] == str(meta["pending"])


# --- windows ---


def test_a_window_is_asked_for_instead_of_a_period(shop: Api) -> None:
    """Today's last week by its days is the period of seven days."""
    [week] = rows_of(shop, "periods", period="7d")
    days = {"from": week["day_from"], "to": week["day_to"]}
    for name in ("account_summaries", "flow_leaderboard", "breakdowns", "step_summaries"):
        by_period = rows_of(shop, name, period="7d")
        by_days = rows_of(shop, name, **days)
        assert by_period == [row | {"period": "7d"} for row in by_days]
        assert {row["period"] for row in by_days} == {"custom"}
    assert rows_of(shop, "flow_leaderboard", period="custom") == []
    assert "custom" not in {row["period"] for row in rows_of(shop, "periods")}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "2026-03-01"}, "/to"),
        ({"to": "2026-03-01"}, "/from"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "/to"),
        ({"from": "2026-03-02", "to": "soon"}, "/to"),
        ({"from": "2020-01-01", "to": "2026-03-01"}, "/to"),
        ({"from": "0001-01-01", "to": "0001-01-01"}, "/from"),
        ({"from": "2026-03-01", "to": "2026-03-01", "period": "7d"}, "/period"),
    ],
)
def test_a_window_that_means_nothing_is_422(shop: Api, query: dict[str, str], pointer: str) -> None:
    answer = get(shop, "flow_leaderboard", **query)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_mart_without_periods_has_no_windows(shop: Api) -> None:
    answer = get(shop, "daily_outcomes", **{"from": "2026-03-01", "to": "2026-03-02"})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/from"]


# --- formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MARTS)
@pytest.mark.parametrize("limit", ["5", ALL])
def test_every_format_has_the_same_rows(
    shop: Api, whole: Any, tmp_path: Path, name: str, limit: str
) -> None:
    rows = assert_alike_in_every_format(shop, name, tmp_path, limit=limit)
    assert whole[name][:5] == rows[:5]
    assert limit != ALL or len(whole[name]) == len(rows)


def test_arrow_and_parquet_have_the_contracts_types(shop: Api) -> None:
    content = get(shop, "daily_outcomes", format="arrow").content
    schema = pa.ipc.open_stream(content).schema
    kinds = {field.name: str(field.type) for field in schema}
    assert {name: kinds[name] for name in ("day", "flow_id", "sessions")} == {
        "day": "date32[day]",
        "flow_id": "string",
        "sessions": "int64",
    }
    assert schema.field("day").metadata[b"description"].startswith(b"The day")
    freshness = pa.ipc.open_stream(get(shop, "data_freshness", format="arrow").content).schema
    assert str(freshness.field("data_through").type) == "timestamp[us, tz=UTC]"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/csv", "text/csv"),
        ("application/json;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("image/png, application/*;q=0.1", "application/json"),
        ("*/*", "application/json"),
        ("", "application/json"),
    ],
)
def test_accept_chooses_the_format(shop: Api, accept: str, expected: str) -> None:
    answer = shop("GET", "/marts/flows", role="service", headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == expected


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "nonsense"])
def test_what_cannot_be_made_is_406(shop: Api, accept: str) -> None:
    answer = shop("GET", "/marts/flows", role="service", headers={"Accept": accept})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


def test_no_cell_of_csv_begins_as_a_formula_does(shop: Api, whole: Any) -> None:
    content = get(shop, "flows", format="csv").content.decode()
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    names = {row["name"] for row in rows}
    assert {f"'{name}" for name in FORMULAS} <= names
    assert {"Router", 'O\'Neil, "quoted"\nand more', "'=1"} <= names
    for row in rows:
        assert not row["name"].startswith(("=", "+", "-", "@", "\t", "\r"))
    # What is no spreadsheet takes them as they are.
    assert set(NAMES) == {row["name"] for row in whole["flows"]}


# --- nothing breaks it ----------------------------------------------------------------------------


def refused(answer: httpx.Response, pointer: str) -> bool:
    assert answer.status_code == 422, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    return pointer in [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=10001", "/limit"),
        ("limit=0", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=" + "9" * 5_000, "/limit"),
        ("limit=1.5", "/limit"),
        ("limit=ten", "/limit"),
        ("limit=all", "/limit"),
        ("limit=1&limit=2", "/limit"),
        ("columns=day,nonsense", "/columns"),
        ("columns=account_id", "/columns"),
        ("columns=day,day", "/columns"),
        ("columns=", "/columns"),
        ("order_by=nonsense", "/order_by"),
        ("order_by=day,-day", "/order_by"),
        ("order_by=--day", "/order_by"),
        ("nonsense=1", "/nonsense"),
        ("day_since=2026-01-01", "/day_since"),
        ("day=2026-02-30", "/day"),
        ("day=20260101", "/day"),
        ("day_from=2026-01-01&day_from=2026-01-02", "/day_from"),
        ("flow_id=", "/flow_id"),
        ("flow_id=nobody", "/flow_id"),
        ("flow_id_from=00000000-0000-0000-0000-000000000000", "/flow_id_from"),
        ("sessions=1.5", "/sessions"),
        ("sessions=9223372036854775808", "/sessions"),
        ("total=maybe", "/total"),
        ("format=xlsx", "/format"),
        ("cursor=", "/cursor"),
        ("cursor=nonsense", "/cursor"),
        ("&".join(f"sessions={n}" for n in range(201)), ""),
    ],
)
def test_what_means_nothing_is_422_and_says_where(shop: Api, query: str, pointer: str) -> None:
    answer = shop("GET", f"/marts/daily_outcomes?{query}", role="team_admin")
    assert refused(answer, pointer), answer.text


def test_an_unknown_parameter_is_told_what_there_is(shop: Api) -> None:
    detail = get(shop, "periods", perod="7d").json()["detail"]
    assert "period" in detail
    assert "order_by" in detail


def made_cursor(of: str, after: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps({"of": of, "after": after}).encode()).decode()


def test_a_cursor_of_anything_else_is_refused(shop: Api) -> None:
    """One that would be taken for another query's place would leave rows out without a word."""
    cursor = get(shop, "daily_outcomes", limit=1).json()["meta"]["next_cursor"]
    assert get(shop, "daily_outcomes", limit=3, cursor=cursor, columns="day").status_code == 200
    place = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    for parameters in (
        {"cursor": cursor[:-1]},
        {"cursor": cursor + "A"},
        {"cursor": cursor + "=="},
        {"cursor": cursor, "day_from": "2026-01-01"},
        {"cursor": cursor, "order_by": "-day"},
        {"cursor": made_cursor(place["of"], place["after"][:-1])},
        {"cursor": made_cursor(place["of"], [None, None, None])},
        {"cursor": made_cursor(place["of"], ["' or 1=1 --", *place["after"][1:]])},
        {"cursor": made_cursor("x", place["after"])},
        {"cursor": base64.urlsafe_b64encode(b"[" * 3_000).decode()},
        {"cursor": base64.urlsafe_b64encode(b"\xff\x00").decode()},
    ):
        assert refused(get(shop, "daily_outcomes", limit=1, **parameters), "/cursor")
    other = shop.of(uuid4())
    assert refused(get(other, "daily_outcomes", limit=1, cursor=cursor), "/cursor")


@pytest.mark.parametrize("name", ["daily_outcomes", "flow_steps", "data_freshness", "periods"])
def test_nothing_in_a_parameter_reaches_the_database_as_sql(
    shop: Api, whole: Any, name: str
) -> None:
    document = httpx.get(f"{shop.url}/schema/openapi.json").json()
    operation = document["paths"][f"/api/v1/marts/{name}"]["get"]
    parameters = [each["name"] for each in operation["parameters"]]
    assert {"columns", "order_by", "cursor"} < set(parameters)
    for parameter, value in itertools.product(parameters, NASTY):
        query = urlencode({parameter: value})
        answer = shop("GET", f"/marts/{name}?{query}", role="team_admin")
        assert answer.status_code < 500, (parameter, value, answer.text)
        if answer.status_code != 200:
            assert answer.headers["content-type"] == "application/problem+json"
    for value in NASTY[:-1]:
        query = urlencode({value: "1"})
        answer = shop("GET", f"/marts/{name}?{query}", role="team_admin")
        assert answer.status_code == 422, (value, answer.text)
    again = [row for row in rows_of(shop, name, limit=LARGEST_LIMIT) if name != "data_freshness"]
    assert again == [row for row in whole[name] if name != "data_freshness"]


# --- what is known already ------------------------------------------------------------------------


@pytest.fixture
def settled(shared_live_api: Api) -> Api:
    """An account of this test's own that a refresh has seen."""
    api = shared_live_api.of(uuid4())
    assert api.post_events(story(api.account_id)[:60]).status_code == 200
    refresh(api.settings, str(api.settings.database_url))
    return api


@pytest.mark.parametrize("query", ["format=json", "format=csv", "format=parquet&limit=all"])
def test_what_is_known_is_not_sent_again_until_something_changes(settled: Api, query: str) -> None:
    path = f"/marts/daily_outcomes?{query}"
    first = settled("GET", path, role="service")
    known = {"If-None-Match": first.headers["etag"]}
    again = settled("GET", path, role="service", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    start = {"flow_id": str(uuid4())}
    assert settled("POST", "/sessions", start).status_code == 201
    changed = settled("GET", path, role="service", headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


def test_a_tag_is_of_one_question_of_one_account(settled: Api, shop: Api) -> None:
    tags = [
        get(api, "daily_outcomes", **parameters).headers.get("etag")
        for api in (settled, shop)
        for parameters in (
            {},
            {"limit": 2},
            {"format": "csv"},
            {"columns": "day"},
            {"day": "2026-01-01"},
        )
    ]
    assert len(set(tags)) == len(tags)


def test_an_answer_that_is_kept_is_of_the_moment_it_is_given(settled: Api) -> None:
    first, second = (get(settled, "daily_outcomes").json() for _ in range(2))
    assert first["data"] == second["data"]
    assert first["meta"]["as_of"] < second["meta"]["as_of"]


def test_a_write_is_in_the_very_next_answer(settled: Api) -> None:
    before = sum(row["sessions"] for row in rows_of(settled, "account_days"))
    for number in range(1, 4):
        assert settled("POST", "/sessions", {"flow_id": str(uuid4())}).status_code == 201
        after = rows_of(settled, "account_days")
        assert sum(row["sessions"] for row in after) == before + number
