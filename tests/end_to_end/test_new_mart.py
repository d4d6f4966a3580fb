"""The data team adds a mart by SQL and YAML alone, and the running API serves it."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from conftest import Api, Serve, with_changes
from live_warehouse import Warehouse, copy_of_the_project, environment, variables
from mart_readers import assert_alike_in_every_format, by_pages, get, rows_of
from msgspec import to_builtins
from parsed_project import ParsedProject

from ingest.contracts import catalog_of, definitions_in
from ingest.settings import Settings

A_MINUTE = 60
BUSY_FLOWS = """
with outcomes as (
    select * from {{ ref('daily_outcomes') }}
)

select
    account_id,
    flow_id,
    sum(sessions)::bigint as sessions,
    round(sum(completed)::numeric / sum(sessions), 3) as completion_rate,
    case when sum(resolved) > 1 then sum(resolved)::integer end as resolved,
    sum(completed)::numeric(12, 2) as completed,
    max(day)::timestamptz as last_at,
    sum(resolved) > 0 as is_ever_resolved
from outcomes
group by account_id, flow_id
"""
COLUMNS: dict[str, dict[str, Any]] = {
    "account_id": {"data_type": "uuid", "description": "The account (id)."},
    "flow_id": {"data_type": "uuid", "description": "The flow (id)."},
    "sessions": {"data_type": "bigint", "description": "Sessions of all time (number)."},
    "completion_rate": {
        "data_type": "numeric",
        "description": "Completed of all (0 to 1).",
        "config": {"meta": {"unit": "1"}},
    },
    "resolved": {"data_type": "integer", "description": "Resolved (number), if several."},
    "completed": {"data_type": "numeric(12, 2)", "description": "Completed (number)."},
    "last_at": {"data_type": "timestamptz", "description": "The last day's beginning (instant)."},
    "is_ever_resolved": {"data_type": "boolean", "description": "Whether any was resolved."},
}


def write(
    project: Path,
    name: str,
    sql: str = BUSY_FLOWS,
    columns: Mapping[str, Mapping[str, Any]] = COLUMNS,
    **more: Any,
) -> None:
    """Write a model and its YAML."""
    declared: dict[str, Any] = {
        "name": name,
        "description": "The flows and how busy they are. One row per account and flow.",
        "config": {"materialized": "view", "meta": {"serve": True}},
        "data_tests": [
            {"unique_combination": {"arguments": {"columns": ["account_id", "flow_id"]}}}
        ],
        "columns": [{"name": column, **said} for column, said in columns.items()],
    } | more
    folder = project / "models" / "marts"
    (folder / f"{name}.sql").write_text(sql)
    # JSON is YAML.
    (folder / f"_{name}.yml").write_text(json.dumps({"models": [declared]}))


@pytest.fixture
def warehouse(
    new_live_settings: Callable[[], Settings], parsed_project: ParsedProject, tmp_path: Path
) -> Iterator[Warehouse]:
    url = str(new_live_settings().database_url)
    copy = copy_of_the_project(tmp_path / "project")
    parsed_project.put(copy / "target", url)
    with variables(environment(url)):
        yield Warehouse(copy, url)


@pytest.fixture
def api(warehouse: Warehouse, base_settings: Settings, serve: Serve) -> Api:
    """An API that started before the mart was written, with an account that has some sessions."""
    settings = with_changes(base_settings, database_url=warehouse.url)
    api = Api(serve(settings), settings, uuid4())
    for number in range(9):
        start = {"flow_id": f"0b8e2f0a-41a8-4a76-8e0b-2f3a9f9d6c1{number % 5}"}
        user_id = uuid4()
        session = api("POST", "/sessions", start, user_id=user_id).json()["session_id"]
        if number % 3:
            path = f"/sessions/{session}/complete"
            api("POST", path, {"outcome": "resolved"}, user_id=user_id)
    return api


@pytest.fixture
def looks_each_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not the question how soon an API looks again for what was built."""
    monkeypatch.setattr("ingest.served.LOOK_SECONDS", 1)


def within_a_minute(is_true: Callable[[], bool]) -> bool:
    until = time.monotonic() + A_MINUTE
    while time.monotonic() < until and not is_true():
        time.sleep(0.2)
    return is_true()


def is_served(api: Api, name: str) -> bool:
    """Wait until it is: who asked a second before it was there is told the same for a while."""
    return within_a_minute(lambda: get(api, name).status_code == 200)


def document_of(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{api.url}/schema/openapi.json").json()
    return found


def refusals(api: Api) -> dict[str, str]:
    body = api("GET", "/marts", role="service").json()
    return {each["name"]: each["reason"] for each in body["refused"]}


def test_a_new_mart_is_served_by_the_running_api(
    warehouse: Warehouse, api: Api, tmp_path: Path
) -> None:
    assert get(api, "busy_flows").status_code == 404
    write(warehouse.project, "busy_flows")
    warehouse.dbt("build", "--select", "busy_flows")
    assert within_a_minute(lambda: get(api, "busy_flows").status_code == 200)

    with psycopg.connect(warehouse.url) as connection:
        expected = connection.execute(
            "select flow_id::text, sessions, completion_rate::float8, resolved"
            " from marts.busy_flows where account_id = %s order by flow_id",
            [api.account_id],
        ).fetchall()
    assert len(expected) == 5
    rows = rows_of(api, "busy_flows")
    shown = ("flow_id", "sessions", "completion_rate", "resolved")
    assert expected == [tuple(row[name] for name in shown) for row in rows]
    assert rows == assert_alike_in_every_format(api, "busy_flows", tmp_path, limit="all")

    described = document_of(api)
    operation = described["paths"]["/api/v1/marts/busy_flows"]["get"]
    assert operation["description"].startswith("The flows and how busy they are.")
    assert {"flow_id", "sessions_from", "last_at_to", "is_ever_resolved"} <= {
        each["name"] for each in operation["parameters"]
    }
    columns = described["components"]["schemas"]["MartRow.busy_flows"]["properties"]
    assert list(columns) == [name for name in COLUMNS if name != "account_id"]
    for name, column in columns.items():
        assert column["description"] == COLUMNS[name]["description"]
    assert columns["completion_rate"]["x-unit"] == "1"
    assert columns["resolved"]["type"] == ["integer", "null"]


@pytest.mark.parametrize(
    "order", ["resolved", "-resolved", "resolved,-sessions", "-completion_rate"]
)
def test_nulls_are_last_and_on_one_page_only(warehouse: Warehouse, api: Api, order: str) -> None:
    write(warehouse.project, "busy_flows")
    warehouse.dbt("run", "--select", "busy_flows")
    assert is_served(api, "busy_flows")
    expected = rows_of(api, "busy_flows")
    assert {None} < {row["resolved"] for row in expected}
    for each in reversed(order.split(",")):
        name = each.removeprefix("-")
        known = [row for row in expected if row[name] is not None]
        known.sort(key=itemgetter(name), reverse=each != name)
        expected = [*known, *(row for row in expected if row[name] is None)]
    for limit in (1, 2, 1_000):
        assert expected == by_pages(api, "busy_flows", limit, order_by=order)


def test_what_is_no_longer_there_is_no_longer_served(warehouse: Warehouse, api: Api) -> None:
    write(warehouse.project, "busy_flows")
    warehouse.dbt("run", "--select", "busy_flows")
    assert is_served(api, "busy_flows")
    write(warehouse.project, "busy_flows", config={"materialized": "view"})
    warehouse.dbt("run", "--select", "periods")
    assert within_a_minute(lambda: get(api, "busy_flows").status_code == 404)
    assert "/api/v1/marts/busy_flows" not in document_of(api)["paths"]


@pytest.mark.usefixtures("looks_each_second")
def test_what_failed_is_served_as_it_was(warehouse: Warehouse, api: Api) -> None:
    write(warehouse.project, "busy_flows")
    warehouse.dbt("run", "--select", "busy_flows")
    assert is_served(api, "busy_flows")
    before = rows_of(api, "busy_flows")
    wrong = BUSY_FLOWS.replace("sum(sessions)::bigint", "sum(nonsense)::bigint")
    fewer = {name: said for name, said in COLUMNS.items() if name != "resolved"}
    write(warehouse.project, "busy_flows", wrong, fewer)
    warehouse.dbt("run", "--select", "busy_flows", succeeds=False)
    time.sleep(3)
    assert before == rows_of(api, "busy_flows")


def without(*names: str) -> dict[str, Any]:
    return {name: said for name, said in COLUMNS.items() if name not in names}


def with_said(column: str, **said: Any) -> dict[str, Any]:
    return COLUMNS | {column: COLUMNS[column] | said}


UNSERVABLE: dict[str, tuple[dict[str, Any], str]] = {
    "no contract": (
        {
            "config": {
                "materialized": "view",
                "meta": {"serve": True},
                "contract": {"enforced": False},
            }
        },
        "It needs a contract",
    ),
    "no account": (
        {
            "columns": without("account_id"),
            "sql": f"select flow_id, sessions, completion_rate, resolved, completed, last_at,"
            f" is_ever_resolved from ({BUSY_FLOWS}) as busy",
            "data_tests": [],
        },
        "It needs the column account_id",
    ),
    "no key": ({"data_tests": []}, "It needs a key to page by"),
    "personal data": (
        {"columns": with_said("flow_id", config={"tags": ["pii"]})},
        "Its column flow_id is tagged pii",
    ),
    "a model of personal data": (
        {"config": {"materialized": "view", "meta": {"serve": True}, "tags": ["pii"]}},
        "It is tagged pii",
    ),
    "a type": (
        {
            "columns": with_said("sessions", data_type="jsonb"),
            "sql": BUSY_FLOWS.replace("sum(sessions)::bigint", "to_jsonb(sum(sessions))"),
        },
        "Its column sessions has a type that is not served: jsonb",
    ),
    "a parameter": (
        {
            "columns": {
                "limit" if name == "sessions" else name: said for name, said in COLUMNS.items()
            },
            "sql": BUSY_FLOWS.replace("as sessions", 'as "limit"'),
        },
        "Its column limit has the name of a parameter",
    ),
}


class Ear(logging.Handler):
    """Notes warnings."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def heard() -> Iterator[list[str]]:
    """The warnings of the API; the framework takes pytest's own ear off when an API starts."""
    said: list[str] = []
    ear = Ear(said)
    logger = logging.getLogger("upshot")
    logger.addHandler(ear)
    try:
        yield said
    finally:
        logger.removeHandler(ear)


@pytest.mark.usefixtures("looks_each_second")
def test_what_cannot_be_served_is_refused_with_the_reason(
    warehouse: Warehouse, api: Api, serve: Serve
) -> None:
    names = {f"refused_{number}": case for number, case in enumerate(UNSERVABLE.values())}
    for name, (changes, _) in names.items():
        write(warehouse.project, name, **changes)
    warehouse.dbt("run", "--select", *names)
    assert within_a_minute(lambda: set(refusals(api)) == set(names))
    told = refusals(api)
    for name, (_, reason) in names.items():
        assert told[name].startswith(reason)
        answer = get(api, name)
        assert answer.status_code == 404
        assert reason in answer.json()["detail"]
        assert f"/api/v1/marts/{name}" not in document_of(api)["paths"]
    # An API that starts now says so, loudly.
    with heard() as warnings:
        serve(api.settings)
    for name, (_, reason) in names.items():
        assert any(name in said and reason in said for said in warnings)


def test_each_version_is_served_under_its_own_name(warehouse: Warehouse, api: Api) -> None:
    folder = warehouse.project / "models" / "marts"
    write(
        warehouse.project,
        "busy_flows",
        latest_version=2,
        versions=[
            {"v": 1},
            {"v": 2, "columns": [{"include": "all", "exclude": ["resolved"]}]},
        ],
    )
    (folder / "busy_flows.sql").rename(folder / "busy_flows_v1.sql")
    second = BUSY_FLOWS.replace(
        "    case when sum(resolved) > 1 then sum(resolved)::integer end as resolved,\n", ""
    )
    (folder / "busy_flows_v2.sql").write_text(second)
    warehouse.dbt("run", "--select", "busy_flows")
    assert is_served(api, "busy_flows.v1")
    assert "resolved" in rows_of(api, "busy_flows.v1")[0]
    for name in ("busy_flows", "busy_flows.v2"):
        assert "resolved" not in rows_of(api, name)[0]
    assert {"busy_flows", "busy_flows.v1", "busy_flows.v2"} <= {
        mart["name"] for mart in api("GET", "/marts", role="service").json()["marts"]
    }


def test_a_changed_view_answers_anew_though_nothing_was_written(
    warehouse: Warehouse, api: Api
) -> None:
    """Answers are kept by the state of the account, which its SQL is no part of."""
    write(warehouse.project, "busy_flows")
    warehouse.dbt("run", "--select", "busy_flows")
    assert is_served(api, "busy_flows")
    for _ in range(2):
        before = rows_of(api, "busy_flows", columns="sessions")
    write(
        warehouse.project,
        "busy_flows",
        BUSY_FLOWS.replace("sum(sessions)::", "1000 * sum(sessions)::"),
    )
    warehouse.dbt("run", "--select", "busy_flows")
    after = rows_of(api, "busy_flows", columns="sessions")
    assert [1000 * row["sessions"] for row in before] == [row["sessions"] for row in after]


def test_an_answer_that_moves_with_the_clock_is_not_kept(warehouse: Warehouse, api: Api) -> None:
    """However deep in macros the clock hides."""
    (warehouse.project / "macros" / "this_moment.sql").write_text(
        "{% macro moment() %}now(){% endmacro %}\n"
        "{% macro this_moment() %}{{ moment() }}{% endmacro %}\n"
    )
    columns = {name: COLUMNS[name] for name in ("account_id", "last_at")}
    key = [{"unique_combination": {"arguments": {"columns": ["account_id"]}}}]
    clocks = {
        "ticking": "now()",
        "ticking_in_a_macro": "{{ this_moment() }}",
        "ticking_in_dbt": "{{ dbt.current_timestamp() }}",
    }
    for name, clock in clocks.items():
        sql = f"select account_id, {clock} as last_at from {{{{ ref('data_freshness') }}}}"
        write(warehouse.project, name, sql, columns, data_tests=key)
    warehouse.dbt("run", "--select", *clocks)
    for name in clocks:
        assert is_served(api, name)
        answers = [get(api, name) for _ in range(2)]
        assert "etag" not in answers[0].headers
        first, second = (answer.json()["data"][0]["last_at"] for answer in answers)
        assert first < second


def test_the_manifest_says_what_the_database_has(warehouse: Warehouse) -> None:
    """The check of contracts and the API go by the same definitions."""
    warehouse.dbt("run", "--write-json")
    manifest = json.loads((warehouse.project / "target" / "manifest.json").read_text())
    built = [definition for (definition,) in warehouse.query("select definition from live.served")]
    assert len(built) > 10
    read = [to_builtins(each) for each in definitions_in(manifest)]
    for name in ("columns", "constraints", "has_contract", "identifier", "description"):
        assert {each["name"]: each[name] for each in read} == {
            each["name"]: each[name] for each in built
        }
    assert {each["name"]: sorted(map(str, each["tests"])) for each in read} == {
        each["name"]: sorted(map(str, each["tests"])) for each in built
    }
    assert catalog_of(manifest).refused == ()
