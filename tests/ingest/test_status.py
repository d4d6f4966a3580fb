"""`upshot status` says what is well and what is not, and its exit code says whether all is."""

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from api_processes import free_port
from conftest import Api, Upshot


@pytest.fixture
def environment(shared_live_api: Api) -> dict[str, Any]:
    """Beside an API that runs; Dagster does not."""
    return {
        "UPSHOT_PUBLIC_URL": shared_live_api.url,
        "UPSHOT_DAGSTER_PORT": str(free_port()),
    }


def test_it_says_what_is_well_and_what_is_not(
    shared_live_api: Api, upshot: Upshot, environment: dict[str, Any]
) -> None:
    url = str(shared_live_api.settings.database_url)
    with psycopg.connect(url, autocommit=True) as connection:
        account = uuid4()
        connection.execute(
            "insert into raw.changes (account_id, session_id, received_at)"
            " values (%s, %s, now() - interval '25 minutes')",
            [account, uuid4()],
        )
        connection.execute(
            "insert into live.checks values ('assert_nothing', null, 'fail', 3, now(), now())"
        )
        try:
            done = upshot("status", database=url, **environment)
            told = upshot("status", "--json", database=url, **environment)
        finally:
            connection.execute("delete from raw.changes where account_id = %s", [account])
            connection.execute("delete from live.checks where name = 'assert_nothing'")
    assert done.returncode == told.returncode == 1
    said = {line[4:15].strip(): line for line in done.stdout.splitlines()}
    assert said["Database"].startswith("ok  Database    PostgreSQL 1")
    assert said["Migrations"].startswith("ok")
    assert said["Models"].startswith("ok")
    assert said["API"] == f"ok  API         ready at {shared_live_api.url}"
    assert "the oldest 25 min ago" in said["Change log"]
    assert said["Change log"].startswith("!!")
    assert said["Clock"] == "ok  Clock       the same here as at the database"
    assert "assert_nothing fails since" in said["Checks"]
    assert said["Dagster"].startswith("!!  Dagster     does not answer")
    findings = json.loads(told.stdout)
    assert findings["is_well"] is False
    assert {each["about"]: each["is_well"] for each in findings["findings"]} == {
        about: line.startswith("ok") for about, line in said.items()
    }


def test_a_database_that_lacks_its_migrations_is_told(upshot: Upshot, server_url: str) -> None:
    done = upshot("status", database=server_url, UPSHOT_PUBLIC_URL="http://127.0.0.1:1")
    assert done.returncode == 1
    assert "!!  Migrations  not applied: run `upshot migrate`" in done.stdout


def test_a_database_that_is_away_is_told(upshot: Upshot) -> None:
    away = "postgresql://somebody:hidden@127.0.0.1:1/upshot"
    done = upshot("status", database=away, UPSHOT_PUBLIC_URL="http://127.0.0.1:1")
    assert done.returncode == 1
    assert "!!  Database" in done.stdout
    assert "!!  API         does not answer" in done.stdout
    assert "hidden" not in done.stdout + done.stderr


def test_where_nothing_runs_nothing_is_started(upshot: Upshot) -> None:
    done = upshot("status")
    assert (done.returncode, done.stderr) == (
        1,
        "upshot: Nothing runs here: start it with `upshot up`.\n",
    )
