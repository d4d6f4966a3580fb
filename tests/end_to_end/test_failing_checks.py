"""A data test that fails is named in the answers, for as long as it does and no longer."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
from conftest import Api, Serve

from ingest import served
from ingest.settings import Settings
from ingest.store import reads

PATHS = ("/analytics/team?period=7d", "/analytics/me?period=7d", "/marts/daily_outcomes")
CHECK = "assert_no_rating_lost"


@pytest.fixture
def api(
    new_live_settings: Callable[[], Settings], serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> Api:
    """An API of its own, which looks often at what fails."""
    monkeypatch.setattr(reads, "FIGURES_SECONDS", 0.2)
    monkeypatch.setattr(served, "LOOK_SECONDS", 0.2)
    settings = new_live_settings()
    return Api(serve(settings), settings)


@pytest.fixture
def warehouse(api: Api) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(str(api.settings.database_url), autocommit=True) as connection:
        yield connection


def test_they_are_named_while_they_fail(api: Api, warehouse: psycopg.Connection[Any]) -> None:
    """Neither an answer that is kept nor one that the client has says otherwise."""
    # An account that a refresh has seen: only then are answers kept.
    warehouse.execute(
        "insert into live.accounts values (%s, gen_random_uuid(), now())", [api.account_id]
    )
    had = {path: ask(api, path) for path in PATHS}
    assert not any(CHECK in each.text for each in had.values())
    assert {ask(api, path, each).status_code for path, each in had.items()} == {304}

    for status in ("fail", "error"):
        warehouse.execute(
            """
            insert into live.checks (name, status, checked_at) values (%s, %s, now())
            on conflict (name) do update set status = excluded.status
            """,
            [CHECK, status],
        )
        failing = {path: soon(api, path, each, named=True) for path, each in had.items()}
        for path, answer in failing.items():
            assert [CHECK in said for said in answer.json()["meta"]["warnings"]] == [True]
            assert ask(api, path, answer).status_code == 304
    as_text = api("GET", "/marts/daily_outcomes?format=csv", role="service")
    assert CHECK in as_text.headers["upshot-warnings"]

    for status in ("warn", "pass"):
        warehouse.execute("update live.checks set status = %s", [status])
        for path, answer in failing.items():
            soon(api, path, answer, named=False)


def test_a_warehouse_that_knows_no_checks_is_read(
    api: Api, warehouse: psycopg.Connection[Any]
) -> None:
    """An older version of the project built it."""
    warehouse.execute("drop table live.checks")
    time.sleep(0.5)
    assert {ask(api, path).status_code for path in PATHS} == {200}


def ask(api: Api, path: str, known: httpx.Response | None = None) -> httpx.Response:
    headers = {"If-None-Match": known.headers["etag"]} if known is not None else {}
    return api("GET", path, role="team_admin", user_id=api.account_id, headers=headers)


def soon(api: Api, path: str, known: httpx.Response, *, named: bool) -> httpx.Response:
    """Ask until the answer is another one, and see that it names the check, or not."""
    for _ in range(200):
        answer = ask(api, path, known)
        if answer.status_code == 200 and (CHECK in answer.text) == named:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
