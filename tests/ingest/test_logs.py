"""The log says what went wrong, in one line that the answer leads to, and quotes nobody."""

import json
import logging
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from api_processes import api_process
from conftest import with_changes
from events import event

from ingest.logs import JsonLines, TextLines, configure_logs
from ingest.settings import Settings

SECRET = "kd93mVx0QpL7tYw2RzB5nHc8JfGuAe4S"
NAME, COMMENT = "Dana Personal", "Such a nice comment."


def lines_of(log: Path) -> list[dict[str, Any]]:
    """What a process wrote itself; the server that starts it has a form of its own."""
    return [json.loads(text) for text in log.read_text().splitlines()]


def test_in_production_every_line_is_json_and_quotes_nobody(
    database_url: str, tmp_path: Path, base_settings: Settings
) -> None:
    """Faults of several kinds, whose exceptions hold the row or the query."""
    settings: dict[str, Any] = {"env": "production", "jwt_secret": SECRET, "slow_request_ms": 1}
    (tmp_path / "jwt_secret").write_text(SECRET)
    with api_process(database_url, tmp_path, **settings) as process:
        api = process.api(with_changes(base_settings, jwt_secret=SECRET))
        token = api.token("service")
        with psycopg.connect(database_url, autocommit=True) as connection:
            # Its rows are refused, and PostgreSQL quotes the one that was.
            connection.execute("alter table raw.users add check (name = 'Somebody else')")
            connection.execute("alter table raw.session_ratings rename to gone")
        failed = api("PUT", f"/users/{uuid4()}", {"name": NAME, "role": "engineer"}, role="service")
        refused = api("POST", f"/sessions/{uuid4()}/rate", {"rating": 5, "comment": COMMENT})
        slow = api("GET", f"/comments?q={COMMENT}", role="team_admin")
        httpx.get(f"{process.url}/nowhere?q={NAME}")
        api.post_events([event("user.upserted", user_id=uuid4(), name=NAME, role="engineer")])
    text = process.log.read_text()
    lines = {line.get("request_id", line["what"]): line for line in lines_of(process.log)}

    assert failed.status_code == 500, failed.text
    line = lines[failed.json()["instance"]]
    assert failed.headers["x-request-id"] == line["request_id"]
    assert (line["level"], line["what"], line["status"]) == ("error", "request_failed", 500)
    assert (line["route"], line["code"]) == ("/api/v1/users/{user_id}", "internal_error")
    assert line["account_id"] == str(api.account_id)
    assert line["error"]["type"] == "psycopg.errors.CheckViolation"
    assert line["error"]["sqlstate"] == "23514"
    assert any("ingest/store/" in place for place in line["error"]["places"])
    assert "says" not in line["error"]

    line = lines[refused.json()["instance"]]
    assert (line["level"], line["what"]) == ("warning", "request_refused")
    assert (line["code"], line["because"]) == ("unavailable", "UndefinedTable")

    line = lines[slow.headers["x-request-id"]]
    assert line["what"] in {"request_slow", "request_refused", "comments"}
    assert {"started", "stopping", f"Started server process [{process.process.pid}]"} <= {*lines}
    text = text.replace(process.url, "")
    for personal in (NAME, "Personal", COMMENT, "nice", token, SECRET, "?q", "127.0.0.1:"):
        assert personal not in text, text


def test_the_demo_speaks_to_people(database_url: str, tmp_path: Path) -> None:
    with api_process(database_url, tmp_path) as process:
        httpx.get(f"{process.url}/health/live")
    lines = process.log.read_text().splitlines()
    assert any(line.endswith(" info    started version=0.1.0 production=False") for line in lines)


def test_a_level_leaves_out_what_is_less_important(database_url: str, tmp_path: Path) -> None:
    with api_process(database_url, tmp_path, log_level="error", log_format="json") as process:
        httpx.get(f"{process.url}/health/live")
    assert process.log.read_text() == ""


@pytest.mark.parametrize(("quotes", "is_told"), [(False, False), (True, True)])
def test_an_exception_is_told_without_its_words_in_production(quotes: bool, is_told: bool) -> None:
    record = logging.LogRecord("upshot", logging.ERROR, __file__, 1, "request_failed", None, None)
    try:
        try:
            dict[str, str]()[NAME]
        except KeyError as error:
            raise ValueError(COMMENT) from error
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    for form in (JsonLines, TextLines):
        told = form(quotes_errors=quotes).format(record)
        assert "ValueError" in told
        assert "KeyError" in told
        assert "test_an_exception_is_told" in told
        assert (NAME in told, COMMENT in told) == (is_told, is_told)


def test_whoever_has_said_where_lines_go_is_heeded(base_settings: Settings) -> None:
    before = [*logging.getLogger().handlers]
    assert before, "pytest's own"
    configure_logs(with_changes(base_settings, log_format="json", log_level="error"))
    assert logging.getLogger().handlers == before
