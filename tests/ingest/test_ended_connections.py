"""When PostgreSQL has ended connections and is there, requests are answered as ever."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from conftest import Api, Serve, with_changes
from killable_server import killable_server

from ingest.settings import Settings
from ingest.store.migrate import migrate

POOL = 6
OURS = (
    "select pid from pg_stat_activity where datname = current_database()"
    " and application_name = 'upshot'"
)


@pytest.fixture
def busy_api(serve: Serve, new_live_settings: Callable[[], Settings]) -> Api:
    """An API whose pools have as many connections as they may."""
    settings = with_changes(new_live_settings(), pool_size=POOL)
    api = Api(serve(settings), settings)
    with owner_of(api) as watcher, ThreadPoolExecutor(32) as many:
        deadline = time.monotonic() + 30
        while len(watcher.execute(OURS).fetchall()) < 2 * POOL:
            assert time.monotonic() < deadline
            accounts = [api.of(uuid4()) for _ in range(32)]
            writes, reads = many.map(start, accounts), many.map(ask, accounts)
            assert {*writes} == {201}
            assert {*reads} == {200}
    return api


def start(api: Api) -> int:
    return api("POST", "/sessions", {"flow_id": str(uuid4())}).status_code


def ask(api: Api) -> int:
    return api("GET", "/analytics/me").status_code


def owner_of(api: Api) -> psycopg.Connection:
    return psycopg.connect(str(api.settings.database_url), autocommit=True)


def test_who_comes_after_their_end_does_not_notice(busy_api: Api) -> None:
    with owner_of(busy_api) as owner:
        ended = [pid for (pid,) in owner.execute(OURS).fetchall()]
        owner.execute("select pg_terminate_backend(pid) from unnest(%s::int[]) as pid", [ended])
        deadline = time.monotonic() + 30
        while {*ended} & {pid for (pid,) in owner.execute(OURS).fetchall()}:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    for _ in range(POOL):
        assert start(busy_api) == 201
        assert ask(busy_api) == 200


def test_the_first_request_after_an_outage_is_answered(
    serve: Serve, base_settings: Settings
) -> None:
    with killable_server() as server:
        migrate(server.url)
        settings = with_changes(base_settings, database_url=server.url)
        api = Api(serve(settings), settings)
        assert start(api) == 201
        server.kill()
        # It waits for a connection in vain.
        assert start(api) == 503
        # Who tries again after twice the time each time would wait for 8 seconds now.
        time.sleep(3)
        server.start()
        assert start(api) == 201
