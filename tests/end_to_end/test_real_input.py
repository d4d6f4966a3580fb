"""A real incident log, loaded and refreshed by the command, gives the figures of the oracle."""

import gzip
import os
import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from conftest import Api, Serve, Upshot, with_changes
from incident_oracle import Oracle, Window, read_log
from mart_oracle import expected_marts
from mart_readers import assert_alike_in_every_format, by_pages, rows_of
from real_input import ACCOUNT, data_folder, raw_rows

from ingest.refresh import refresh
from ingest.settings import Settings

WINDOWS = {
    "the days on which sessions started": Window(date(2016, 2, 29), date(2016, 3, 2)),
    "one day": Window(date(2016, 3, 1), date(2016, 3, 1)),
    "a year, over the change of clocks in October": Window(date(2016, 2, 1), date(2017, 1, 31)),
    "votes only, around the change of clocks": Window(date(2016, 10, 10), date(2016, 10, 20)),
    "nothing": Window(date(2015, 1, 1), date(2015, 1, 3)),
}


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return data_folder(os.environ)
    except FileNotFoundError as error:
        absent = str(error)
    pytest.fail(absent, pytrace=False)


@pytest.fixture(scope="module")
def oracle(folder: Path) -> Oracle:
    return read_log(folder / "incident_event_log.csv")


@pytest.fixture(scope="module")
def loaded(folder: Path, new_database: Callable[[], str], upshot: Upshot) -> str:
    """A database with the real input in it, refreshed."""
    url = new_database()
    answer = upshot(
        "load", "--account", str(ACCOUNT), str(folder / "incidents.ndjson"), database=url
    )
    assert answer.stdout == "6218 created, 0 duplicate, 0 rejected\n", answer.stderr
    assert upshot("refresh", database=url).returncode == 0
    return url


@pytest.fixture(scope="module")
def real(loaded: str, serve_module: Serve, base_settings: Settings) -> Api:
    settings = with_changes(base_settings, database_url=loaded)
    return Api(serve_module(settings), settings, ACCOUNT)


def read(api: Api, path: str, window: Window, **who: Any) -> dict[str, Any]:
    days = {"from": window.first.isoformat(), "to": window.last.isoformat()}
    answer = api("GET", path, params=days, **({"role": "team_admin"} | who))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    meta = body.pop("meta")
    assert meta["window"] == {**days, "period": None}
    assert meta["time_zone"] == "America/Sao_Paulo"
    assert meta["partial_day"] is None
    assert body.pop("previous") is None
    return body


def without(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != name} for row in rows]


def named(body: dict[str, Any]) -> dict[str, Any]:
    """The body as the oracle has it, which knows names and no ids."""
    for part, name in (("top_flows", "tree_id"), ("top_engineers", "user_id")):
        if part in body:
            body[part] = without(body[part], name)
    return body


def ids(url: str, table: str, column: str) -> dict[str, UUID]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(f"select name, {column} from raw.{table}".encode()).fetchall()
    return dict(rows)


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_the_team_is_as_the_log_says(real: Api, oracle: Oracle, window: Window) -> None:
    assert oracle.team(window) == named(read(real, "/analytics/team", window))


def test_every_engineer_is_as_the_log_says(real: Api, oracle: Oracle, loaded: str) -> None:
    """As the team lead filters by them, and as they see themselves."""
    window = WINDOWS["the days on which sessions started"]
    users = ids(loaded, "users", "user_id")
    assert set(users) == set(oracle.engineers)
    for name, user_id in users.items():
        days = {"from": window.first, "to": window.last, "engineer_id": str(user_id)}
        answer = real("GET", "/analytics/team", params=days, role="team_admin").json()
        del answer["meta"], answer["previous"]
        assert oracle.team(window, name) == named(answer)
        own = read(real, "/analytics/me", window, role="engineer", user_id=user_id)
        assert oracle.me(name, window) == named(own)


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_every_flow_is_as_the_log_says(
    real: Api, oracle: Oracle, loaded: str, window: Window
) -> None:
    flows = ids(loaded, "flows", "flow_id")
    assert set(flows) == set(oracle.flows)
    for name, flow_id in flows.items():
        body = read(real, f"/analytics/flows/{flow_id}", window)
        assert body.pop("tree_id") == str(flow_id)
        assert body == oracle.flow(name, window)


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_the_window_before_is_the_one_that_ends_where_this_begins(
    real: Api, oracle: Oracle, loaded: str, window: Window
) -> None:
    length = len(window.days)
    before = Window(window.first - timedelta(days=length), window.last - timedelta(days=length))
    flow, flow_id = next(iter(ids(loaded, "flows", "flow_id").items()))
    user, user_id = next(iter(ids(loaded, "users", "user_id").items()))
    for path, now, then in (
        ("/analytics/team", oracle.team(window), oracle.team(before)),
        ("/analytics/me", oracle.me(user, window), oracle.me(user, before)),
        (f"/analytics/flows/{flow_id}", oracle.flow(flow, window), oracle.flow(flow, before)),
    ):
        days = {"from": window.first.isoformat(), "to": window.last.isoformat(), "previous": "true"}
        answer = real("GET", path, params=days, role="team_admin", user_id=user_id)
        previous = answer.json()["previous"]
        change = previous.pop("change")
        assert previous == {
            "from": before.first.isoformat(),
            "to": before.last.isoformat(),
            "until": None,
            "summary": then["summary"],
        }
        assert answer.json()["summary"] == now["summary"]
        for name, difference in change.items():
            if difference is None:
                assert not now["summary"][name] or not then["summary"][name]
            else:
                wanted = now["summary"][name] - then["summary"][name]
                assert difference == pytest.approx(wanted, abs=1e-9)


MARTS = (
    *("account_days", "account_durations", "account_hours", "account_summaries", "breakdowns"),
    *("daily_outcomes", "daily_ratings", "daily_step_edges", "daily_step_feedback"),
    *("daily_step_visits", "data_freshness", "engineer_leaderboard", "engineer_rollups"),
    *("engineer_summaries", "flow_durations", "flow_leaderboard", "flow_rollups", "flow_steps"),
    *("flow_summaries", "flows", "periods", "step_edges", "step_summaries"),
)


def in_names(rows: list[dict[str, Any]], names: dict[str, str]) -> list[dict[str, Any]]:
    """The rows with names instead of ids."""
    return [
        {
            column: names[value] if column in {"flow_id", "user_id"} else value
            for column, value in row.items()
        }
        for row in rows
    ]


def in_order(rows: list[dict[str, Any]]) -> list[list[tuple[str, Any]]]:
    return sorted([sorted(row.items()) for row in rows], key=repr)


@pytest.mark.parametrize("name", MARTS)
def test_every_mart_is_as_the_log_says_in_every_format(
    real: Api, oracle: Oracle, loaded: str, tmp_path: Path, name: str
) -> None:
    expected = expected_marts(oracle)[name]
    both = ids(loaded, "flows", "flow_id") | ids(loaded, "users", "user_id")
    names = {str(id_): called for called, id_ in both.items()}
    assert len(names) == len(oracle.flows) + len(oracle.engineers)
    shown = {"columns": ",".join(expected[0])} if expected else {}
    found = assert_alike_in_every_format(real, name, tmp_path, limit="all", **shown)
    assert in_order(expected) == in_order(in_names(found, names))
    # In JSON, which has pages, too.
    assert found == by_pages(real, name, 100, **shown)


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_a_window_of_a_mart_sums_up_to_the_teams_figures(
    real: Api, oracle: Oracle, window: Window
) -> None:
    summary = oracle.team(window)["summary"]
    asked = {"day_from": window.first.isoformat(), "day_to": window.last.isoformat()}
    for name in ("account_days", "daily_outcomes"):
        rows = rows_of(real, name, limit=10_000, **asked)
        assert summary["total_sessions"] == sum(row["sessions"] for row in rows)
        assert summary["completed_sessions"] == sum(row["completed"] for row in rows)
        for outcome, count in summary["outcome_breakdown"].items():
            assert count == sum(row[outcome] for row in rows)


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_summaries_of_a_window_are_what_the_log_says(
    real: Api, oracle: Oracle, loaded: str, window: Window
) -> None:
    """Defined in SQL, they are what plain Python makes of the same sessions."""
    days = {"from": window.first.isoformat(), "to": window.last.isoformat()}
    flows = {str(id_): name for name, id_ in ids(loaded, "flows", "flow_id").items()}
    users = {str(id_): name for name, id_ in ids(loaded, "users", "user_id").items()}
    [whole] = rows_of(real, "account_summaries", part="current", **days)
    compare_summary(whole, oracle.team(window)["summary"])
    for row in rows_of(real, "flow_summaries", part="current", **days):
        compare_summary(row, oracle.flow(flows[row["flow_id"]], window)["summary"])
    engineers = rows_of(real, "engineer_summaries", part="current", **days)
    assert len(engineers) == oracle.team(window)["summary"]["active_engineers"]
    for row in engineers:
        compare_summary(row, oracle.me(users[row["user_id"]], window)["summary"])
    for row in rows_of(real, "step_summaries", **days):
        of_flow = oracle.flow(flows[row["flow_id"]], window)
        [step] = [each for each in of_flow["steps"] if each["step_id"] == row["step_id"]]
        assert {name: row.get(name) for name in step if name in row} == {
            name: value for name, value in step.items() if name in row
        }
    for row in rows_of(real, "step_edges", limit=10_000, **days):
        edges = oracle.flow(flows[row["flow_id"]], window)["edges"]
        names = ("step_id", "next_step_id", "passes", "share")
        expected = [{name: edge[name] for name in names} for edge in edges]
        assert {name: row[name] for name in names} in expected


def compare_summary(row: dict[str, Any], summary: dict[str, Any]) -> None:
    assert row["sessions"] == summary["total_sessions"]
    assert row["completed"] == summary["completed_sessions"]
    for name in ("p50_duration_minutes", "p90_duration_minutes", "response_rate", "csat_percent"):
        assert row[name] == summary[name]
    # Where the first front end wants 0, there is nothing.
    assert (row["completion_rate"] or 0) == summary["completion_rate"]
    assert (row["avg_duration_minutes"] or 0) == summary["avg_duration_minutes"]


def test_loading_it_again_creates_nothing(folder: Path, loaded: str, upshot: Upshot) -> None:
    before = raw_rows(loaded)
    answer = upshot(
        "load", "--account", str(ACCOUNT), str(folder / "incidents.ndjson"), database=loaded
    )
    assert answer.stdout == "0 created, 6218 duplicate, 0 rejected\n"
    assert before == raw_rows(loaded)


def test_shuffled_and_repeated_it_leaves_the_same_rows_and_figures(
    folder: Path,
    loaded: str,
    oracle: Oracle,
    upshot: Upshot,
    new_live_settings: Callable[[], Settings],
    serve: Serve,
    tmp_path: Path,
) -> None:
    lines = (folder / "incidents.ndjson").read_bytes().splitlines(keepends=True)
    chance = random.Random(2016)
    lines += chance.sample(lines, 2_000)
    chance.shuffle(lines)
    shuffled = tmp_path / "shuffled.ndjson.gz"
    shuffled.write_bytes(gzip.compress(b"".join(lines)))

    settings = new_live_settings()
    url = str(settings.database_url)
    answer = upshot("load", "--account", str(ACCOUNT), str(shuffled), database=url)
    assert answer.stdout == "6218 created, 2000 duplicate, 0 rejected\n"
    assert raw_rows(loaded) == raw_rows(url)

    refresh(settings, url)
    window = WINDOWS["a year, over the change of clocks in October"]
    body = read(Api(serve(settings), settings, ACCOUNT), "/analytics/team", window)
    assert oracle.team(window) == named(body)
