"""What `/metrics` counts is what clients sent and got, and it names nobody."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from acquaintance import Acquaintance
from api_processes import api_process
from conftest import REPOSITORY, Api, Serve, with_changes
from events import event
from prometheus_client.parser import text_string_to_metric_families

from ingest.refresh import refresh
from ingest.settings import Settings, SettingsError, read_settings

RESULTS = ("created", "duplicate", "rejected", "retry")
TOKEN = "kd93mVx0QpL7tYw2RzB5nHc8JfGuAe4T"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(url: str, **headers: str) -> Samples:
    answer = httpx.get(f"{url}/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def results(samples: Samples, way: str) -> dict[str, float]:
    return {
        result: value(samples, "upshot_events_total", way=way, result=result) for result in RESULTS
    }


def assert_received_is_the_sum(samples: Samples) -> None:
    for way in ("batch", "call"):
        received = value(samples, "upshot_events_received_total", way=way)
        assert received == sum(results(samples, way).values())


@pytest.fixture(scope="module")
def api_alone(serve_module: Serve, base_settings: Settings, new_database: Callable[[], str]) -> Api:
    """An API that only these tests ask, one after the other."""
    settings = with_changes(
        base_settings, database_url=new_database(), quota_events=500, quota_seconds=3_600
    )
    return Api(serve_module(settings), settings)


@pytest.fixture
def alone(api_alone: Api) -> Api:
    """The same, for an account of this test's own."""
    return api_alone.of(uuid4())


def since(before: Samples, after: Samples) -> Samples:
    """What was counted in between."""
    return {key: value - before.get(key, 0) for key, value in after.items()}


def test_each_item_of_a_batch_is_counted_by_what_became_of_it(alone: Api) -> None:
    first, second = (event("session.rated", session_id=uuid4(), rating=5) for _ in range(2))
    bad = event("session.rated", session_id=uuid4(), rating=9)
    before = scrape(alone.url)
    assert alone.post_events([first, second]).status_code == 200
    assert alone.post_events([first, bad, {"id": 1}]).status_code == 207
    assert alone.post_events([]).status_code == 200
    # What cannot be told apart is one: no JSON, no token.
    assert alone.post_events(None, content=b"[{", headers={"Content-Type": "application/json"})
    assert httpx.post(f"{alone.url}/api/v1/events", json=[first]).status_code == 401
    # Over the quota, all of it is to be sent again.
    assert alone.post_events([first] * 496).status_code == 429
    samples = since(before, scrape(alone.url))
    assert results(samples, "batch") == {
        "created": 2, "duplicate": 1, "rejected": 4, "retry": 496,
    }  # fmt: skip
    assert_received_is_the_sum(samples)
    assert value(samples, "upshot_problems_total", code="quota_exceeded") == 1


def test_each_single_call_is_one_event(alone: Api) -> None:
    """Whatever way it takes through the framework, and however it ends."""
    known = Acquaintance(alone)
    before = results(scrape(alone.url), "call")
    start = {"session_id": str(known.completed), "flow_id": str(known.flow_id)}
    rate = f"/sessions/{known.completed}/rate"
    complete = f"/sessions/{known.completed}/complete"
    vote = {"session_id": str(known.completed), "was_helpful": True}
    mine: dict[str, Any] = {"user_id": known.user_id}
    for method, path, body, status, result in (
        ("POST", rate, {"rating": 5}, 201, "created"),
        ("POST", rate, {"rating": 5}, 409, "duplicate"),
        ("POST", rate, {"rating": 6}, 422, "rejected"),
        ("POST", f"/sessions/{uuid4()}/rate", {"rating": 5}, 404, "rejected"),
        ("POST", "/steps/check-cable/feedback", vote, 201, "created"),
        ("POST", "/steps/check-cable/feedback", vote, 200, "created"),
        ("POST", "/sessions", {"flow_id": 1}, 422, "rejected"),
        ("POST", complete, {"outcome": "escalated"}, 409, "rejected"),
        ("DELETE", f"/users/{uuid4()}", None, 403, "rejected"),
    ):  # fmt: skip
        answer = alone(method, path, body, **mine)
        assert answer.status_code == status, (path, answer.text)
        after = results(scrape(alone.url), "call")
        assert after == before | {result: before[result] + 1}, path
        before = after
    fresh = start | {"session_id": str(uuid4())}
    for status in (201, 200):
        assert alone("POST", "/sessions", fresh, **mine).status_code == status
    samples = scrape(alone.url)
    assert results(samples, "call") == before | {
        "created": before["created"] + 1,
        "duplicate": before["duplicate"] + 1,
    }
    assert_received_is_the_sum(samples)


def test_a_write_that_the_database_fails_is_to_be_sent_again(
    serve: Serve, base_settings: Settings, database_url: str
) -> None:
    settings = with_changes(base_settings, database_url=database_url)
    alone = Api(serve(settings), settings)
    with psycopg.connect(str(alone.settings.database_url), autocommit=True) as connection:
        connection.execute("alter table raw.session_ratings rename to gone")
    before = scrape(alone.url)
    assert (
        alone.post_events([event("session.rated", session_id=uuid4(), rating=5)]).status_code >= 207
    )
    rated = alone("POST", f"/sessions/{uuid4()}/rate", {"rating": 5})
    assert rated.status_code == 503
    after = scrape(alone.url)
    for way in ("batch", "call"):
        assert results(after, way)["retry"] == results(before, way)["retry"] + 1
    assert_received_is_the_sum(after)


def test_a_client_that_hangs_up_is_counted(alone: Api) -> None:
    before = scrape(alone.url)
    host, _, port = alone.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            f"POST /api/v1/events HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n"
            f"Authorization: Bearer {alone.token('service')}\r\n"
            f"Content-Type: application/json\r\n\r\n[".encode()
        )
    until = time.monotonic() + 10
    while results(samples := since(before, scrape(alone.url)), "batch") != {
        "created": 0, "duplicate": 0, "rejected": 1, "retry": 0,
    }:  # fmt: skip
        assert time.monotonic() < until, samples
        time.sleep(0.05)


def test_requests_are_timed_by_route_method_and_status(alone: Api) -> None:
    before = scrape(alone.url)
    for _ in range(3):
        alone("POST", f"/sessions/{uuid4()}/rate", {"rating": 5})
    httpx.post(f"{alone.url}/no/{uuid4()}")
    samples = since(before, scrape(alone.url))
    name = "upshot_http_request_seconds_count"
    route = "/api/v1/sessions/{session_id}/rate"
    assert value(samples, name, route=route, method="POST", status="4xx") == 3
    assert value(samples, name, route="unmatched", method="other", status="4xx") >= 1
    assert value(samples, "upshot_commit_group_size_count", kind="rating") == 3


def test_nothing_says_who(alone: Api) -> None:
    known = Acquaintance(alone)
    alone("GET", f"/analytics/flows/{known.flow_id}?q=Dana", user_id=known.user_id)
    text = httpx.get(f"{alone.url}/metrics").text
    assert re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}", text) == []
    assert "Dana" not in text


def test_the_log_and_its_age_are_those_of_all_accounts(
    serve: Serve, base_settings: Settings, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        for age in (30, 100, 50):
            connection.execute(
                "insert into raw.changes (account_id, session_id, received_at)"
                " values (%s, %s, now() - make_interval(secs => %s))",
                [uuid4(), uuid4(), age],
            )
    url = serve(with_changes(base_settings, database_url=database_url))
    samples = scrape(url)
    assert value(samples, "upshot_database_up") == 1
    assert abs(value(samples, "upshot_clock_ahead_seconds")) < 10
    assert value(samples, "upshot_changes") == 3
    assert 100 <= value(samples, "upshot_oldest_change_seconds") < 130
    assert not any(name == "upshot_last_refresh_seconds" for name, _ in samples)


def test_a_refresh_and_the_checks_are_told_of(shared_live_api: Api) -> None:
    """On the marts as dbt built them."""
    url = str(shared_live_api.settings.database_url)
    with psycopg.connect(url) as connection:
        connection.execute("delete from live.refreshes")
        connection.execute(
            "insert into live.checks values"
            " ('assert_metrics', null, 'fail', 3, now(), now()),"
            " ('exact_metrics', 'facts', 'pass', 0, now() - interval '70 seconds', null)"
        )
    rated = event("session.rated", session_id=uuid4(), rating=5)
    assert shared_live_api.of(uuid4()).post_events([rated]).status_code == 200
    refresh(shared_live_api.settings, url)
    api_url = shared_live_api.url
    time.sleep(5.1)  # what is kept is told for so long
    samples = scrape(api_url)
    with psycopg.connect(url) as connection:
        connection.execute("delete from live.checks where name like '%_metrics'")
    assert 0 <= value(samples, "upshot_last_refresh_seconds") < 90
    assert value(samples, "upshot_changes") == 0
    assert 0 <= value(samples, "upshot_exactness_check_seconds") < 150
    assert value(samples, "upshot_check_failing", check="assert_metrics", model="") == 1
    assert value(samples, "upshot_check_failing", check="exact_metrics", model="facts") == 0


def test_several_processes_tell_the_same(
    database_url: str, tmp_path: Path, base_settings: Settings
) -> None:
    """Whichever is asked; and one that is killed takes none of the counts with it."""
    with api_process(database_url, tmp_path, workers=2) as process:
        api = process.api(base_settings)
        sent = 0
        for _ in range(30):
            batch = [event("session.rated", session_id=uuid4(), rating=5) for _ in range(3)]
            assert api.of(uuid4()).post_events(batch).status_code == 200
            sent += 3
        for _ in range(10):  # over new connections, which either takes
            samples = scrape(process.url)
            assert results(samples, "batch")["created"] == sent
            assert_received_is_the_sum(samples)
            assert value(samples, "upshot_processes") == 2
            assert value(samples, "upshot_pool_size", pool="writers") == 20
        first = process.workers()
        os.kill(first[0], signal.SIGKILL)
        until = time.monotonic() + 30
        while len(set(process.workers()) - set(first)) < 1:
            assert time.monotonic() < until
            time.sleep(0.1)
        while value(samples := scrape(process.url), "upshot_processes") != 2:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert results(samples, "batch")["created"] == sent


def test_a_database_that_is_away_is_told(serve: Serve, base_settings: Settings) -> None:
    away = with_changes(base_settings, database_url="postgresql://upshot@127.0.0.1:1/upshot")
    samples = scrape(serve(away))
    assert value(samples, "upshot_database_up") == 0
    assert not any(name == "upshot_changes" for name, _ in samples)


def test_volumes_are_told(
    serve: Serve, base_settings: Settings, database_url: str, tmp_path: Path
) -> None:
    settings = with_changes(base_settings, database_url=database_url, database_volumes=(tmp_path,))
    samples = scrape(serve(settings))
    free = value(samples, "upshot_volume_free_bytes", volume=str(tmp_path))
    assert 0 < free <= value(samples, "upshot_volume_size_bytes", volume=str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "sent", "status"),
    [
        ({"production": False}, None, 200),
        ({"production": True}, None, 404),
        ({"production": True, "metrics_token": TOKEN}, None, 401),
        ({"production": True, "metrics_token": TOKEN}, "Bearer " + TOKEN[::-1], 401),
        ({"production": True, "metrics_token": TOKEN}, "Basic " + TOKEN, 401),
        ({"production": True, "metrics_token": TOKEN}, "Bearer " + TOKEN, 200),
        ({"production": False, "metrics_token": TOKEN}, None, 401),
    ],
)
def test_in_production_they_are_for_whoever_has_the_token(
    serve: Serve, shared_api: Api, changes: dict[str, object], sent: str | None, status: int
) -> None:
    url = serve(with_changes(shared_api.settings, **changes))
    headers = {"Authorization": sent} if sent else {}
    answer = httpx.get(f"{url}/metrics", headers=headers)
    assert answer.status_code == status
    assert ("upshot_info" in answer.text) == (status == 200)


def test_an_api_token_opens_no_metrics(serve: Serve, shared_api: Api) -> None:
    url = serve(with_changes(shared_api.settings, metrics_token=TOKEN))
    headers = {"Authorization": f"Bearer {shared_api.token('super_admin')}"}
    assert httpx.get(f"{url}/metrics", headers=headers).status_code == 401


@pytest.mark.parametrize("token", ["short", "a" * 64, "changeme-changeme-changeme-changeme"])
def test_a_token_that_can_be_guessed_is_refused_in_production(tmp_path: Path, token: str) -> None:
    variables = {"UPSHOT_HOME": str(tmp_path), "UPSHOT_JWKS_URL": "https://login.example/keys"}
    production = variables | {"UPSHOT_ENV": "production", "UPSHOT_METRICS_TOKEN": token}
    with pytest.raises(SettingsError, match="UPSHOT_METRICS_TOKEN"):
        read_settings(production)


def test_every_metric_is_documented(alone: Api) -> None:
    alone("POST", f"/sessions/{uuid4()}/rate", {"rating": 5})
    text = httpx.get(f"{alone.url}/metrics").text
    told = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE)) | {
        "upshot_last_refresh_seconds",
        "upshot_exactness_check_seconds",
    }
    guide = (REPOSITORY / "docs" / "observability.md").read_text()
    assert told == set(re.findall(r"^\| `(upshot_\w+)` \|", guide, re.MULTILINE))
    for help_text in re.findall(r"^# HELP \w+ ?(.*)$", text, re.MULTILINE):
        assert help_text
