"""Quotas: an account may send so much, whichever process it meets, and no other notices."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from api_processes import ApiProcess, api_process
from conftest import Api, Serve, with_changes
from events import named

from ingest.settings import Settings, SettingsError, read_settings


@pytest.fixture
def limited(serve: Serve, database_url: str, base_settings: Settings) -> Callable[..., Api]:
    """An API with a quota, and an account of its own."""

    def start(**changes: object) -> Api:
        settings = with_changes(base_settings, database_url=database_url, **changes)
        return Api(serve(settings), settings)

    return start


@pytest.fixture(scope="module")
def two_workers(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    """1,000 events a day for each account, and two processes to meet."""
    with api_process(
        new_database(),
        tmp_path_factory.mktemp("workers"),
        workers=2,
        quota_events=1000,
        quota_seconds=86_400,
    ) as api:
        yield api


def rate(api: Api) -> httpx.Response:
    """One write; there is no such session, but it was asked."""
    return api("POST", f"/sessions/{uuid4()}/rate", {"rating": 5})


def left(answer: httpx.Response) -> int:
    match = re.fullmatch(r'"events";r=(\d+);t=\d+', answer.headers["ratelimit"])
    assert match, answer.headers
    return int(match[1])


def assert_refused(answer: httpx.Response) -> int:
    """Return after how many seconds to come back."""
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["code"], body["retryable"]) == ("quota_exceeded", True)
    assert left(answer) >= 0
    return int(answer.headers["retry-after"])


def test_every_write_says_what_is_left(limited: Callable[..., Api]) -> None:
    api = limited(quota_events=500, quota_seconds=3600)
    first, second = rate(api), rate(api)
    assert first.headers["ratelimit-policy"] == '"events";q=500;w=3600'
    assert [left(first), left(second)] == [499, 498]
    batch = api.post_events([{}, {}, {}])
    assert left(batch) == 495


def test_reading_costs_nothing(limited: Callable[..., Api]) -> None:
    api = limited(quota_events=500, quota_seconds=3600)
    rate(api)
    assert "ratelimit" not in api("GET", "/analytics/me?period=7d").headers
    assert left(rate(api)) == 498


def test_beyond_the_quota_is_429_and_stores_nothing(
    limited: Callable[..., Api], database_url: str
) -> None:
    api = limited(quota_events=500, quota_seconds=3600)
    batch = [named() for _ in range(300)]
    assert api.post_events(batch[:260]).status_code == 200
    wait = assert_refused(api.post_events(batch))
    assert 0 < wait <= 3600 * 60 / 500 + 1
    assert rate(api).status_code == 404, "there is still enough for this"
    user_id = batch[-1]["data"]["user_id"]
    with psycopg.connect(database_url) as connection:
        query = "select count(*) from raw.users where user_id = %s"
        assert connection.execute(query, [user_id]).fetchone() == (0,)


def test_it_fills_up_again_and_retry_after_says_when(limited: Callable[..., Api]) -> None:
    api = limited(quota_events=500, quota_seconds=500)
    assert api.post_events([{}] * 500).status_code == 207
    wait = assert_refused(rate(api))
    assert wait <= 6
    time.sleep(wait)
    assert rate(api).status_code == 404


def test_another_account_has_its_own(limited: Callable[..., Api]) -> None:
    api = limited(quota_events=500, quota_seconds=3600)
    api.post_events([{}] * 500)
    assert_refused(rate(api))
    assert rate(api.of(uuid4())).status_code == 404


def test_a_quota_holds_across_processes(two_workers: ApiProcess, base_settings: Settings) -> None:
    api = two_workers.api(base_settings)
    answers: Counter[int] = Counter()
    lock = threading.Lock()

    def send() -> None:
        for _ in range(20):
            # Over a new connection each time: either process may take it.
            with httpx.Client(base_url=f"{two_workers.url}/api/v1") as client:
                headers = {"Authorization": f"Bearer {api.token()}"}
                for _ in range(10):
                    path = f"/sessions/{uuid4()}/rate"
                    answer = client.post(path, json={"rating": 5}, headers=headers)
                    with lock:
                        answers[answer.status_code] += 1

    senders = [threading.Thread(target=send) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    assert answers.keys() == {404, 429}
    # A share of ten may lie unspent in the other process; a few come back in the meantime.
    assert 1000 - 10 <= answers[404] <= 1000 + 10


def test_a_quota_has_to_allow_a_batch(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="UPSHOT_QUOTA_EVENTS"):
        read_settings({"UPSHOT_HOME": str(tmp_path), "UPSHOT_QUOTA_EVENTS": "499"})
