"""Overload is refused, not suffered: by whoever causes it, and in time."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from uuid import uuid4

import httpx
import psycopg
import pytest
from conftest import Api, Serve, with_changes

from ingest.settings import Settings


def start_session(api: Api) -> httpx.Response:
    return api("POST", "/sessions", {"flow_id": str(uuid4())})


def test_a_noisy_account_harms_only_itself(
    serve: Serve, database_url: str, base_settings: Settings
) -> None:
    """One account asks for twenty times its quota; the others see no 429 and no 503."""
    settings = with_changes(
        base_settings, database_url=database_url, quota_events=500, quota_seconds=50
    )
    noisy = Api(serve(settings), settings)
    quiet = [noisy.of(uuid4()) for _ in range(3)]
    seen: Counter[int] = Counter()
    ended = threading.Event()

    def flood() -> None:
        api = noisy.of(noisy.account_id)
        for _ in range(50):
            seen[api.post_events([{}] * 50).status_code] += 1

    def use(api: Api) -> Counter[int]:
        own: Counter[int] = Counter()
        while not ended.is_set():
            own[start_session(api).status_code] += 1
            ended.wait(0.1)
        return own

    with ThreadPoolExecutor() as pool:
        users = [pool.submit(use, api) for api in quiet]
        floods = [pool.submit(flood) for _ in range(4)]
        wait(floods)
        ended.set()
    for flooding in floods:
        flooding.result()
    # 50 times 4 batches of 50 are 10,000 events; what came back meanwhile was taken as well.
    assert seen[429] > 0.8 * seen.total()
    assert seen.keys() == {207, 429}
    for user in users:
        assert user.result().keys() == {201}


def ask_while_the_database_is_held_up(
    api: Api, database_url: str, *, seconds: float
) -> Counter[str]:
    """Start 100 sessions of as many accounts, and say what was answered before it went on."""
    with (
        ThreadPoolExecutor(100) as pool,
        psycopg.connect(database_url) as connection,
    ):
        connection.execute("lock table raw.sessions in access exclusive mode")
        asked: list[Future[httpx.Response]] = [
            pool.submit(start_session, api.of(uuid4())) for _ in range(100)
        ]
        done, waiting = wait(asked, timeout=seconds)
        connection.rollback()
        answers = Counter(str(each.result().status_code) for each in done)
        for each in done:
            assert "retry-after" in each.result().headers
        return answers + Counter({"none": len(waiting)})


@pytest.fixture
def small_api(serve: Serve, database_url: str, base_settings: Settings) -> Callable[[], Api]:
    """An API with two connections."""

    def start() -> Api:
        settings = with_changes(base_settings, database_url=database_url, pool_size=2)
        return Api(serve(settings), settings)

    return start


def test_a_full_pool_is_told_in_time(small_api: Callable[[], Api], database_url: str) -> None:
    answers = ask_while_the_database_is_held_up(small_api(), database_url, seconds=30)
    assert answers == {"503": 100}


def test_waiting_without_a_bound_is_found(
    small_api: Callable[[], Api], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: were any number allowed to wait for as long as it takes, they would."""
    monkeypatch.setattr("ingest.store.database.WAITING_PER_CONNECTION", 0)
    monkeypatch.setattr("ingest.store.database.POOL_TIMEOUT_SECONDS", 600.0)
    answers = ask_while_the_database_is_held_up(small_api(), database_url, seconds=10)
    assert answers["none"] > 0
