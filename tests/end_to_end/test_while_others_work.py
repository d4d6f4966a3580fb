"""What one request gets while refreshes run, locks are held, and other processes serve too."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import psycopg
import pytest
from conftest import Api, Serve, Upshot, with_changes
from dbt_processes import run_dbt_to_the_end

ENGINEER = uuid4()
FLOW = str(uuid4())
SESSIONS = 20


@pytest.fixture(scope="module")
def apis(shared_live_api: Api, serve_module: Serve) -> list[Api]:
    """Two API processes' worth of pools and groups on one database with live marts."""
    settings = with_changes(shared_live_api.settings, pool_size=4)
    account_id = uuid4()
    both = [Api(serve_module(settings), settings, account_id) for _ in range(2)]
    for _ in range(SESSIONS):
        assert start(both[0])
    return both


def start(api: Api) -> str:
    answer = api("POST", "/sessions", {"flow_id": FLOW}, user_id=ENGINEER)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["session_id"])


def test_a_reader_never_meets_a_half_swapped_mart(apis: list[Api], upshot: Upshot) -> None:
    settings = apis[0].settings
    url, target = str(settings.database_url), settings.home / "dbt" / "target"
    seen: list[tuple[int, object]] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            answer = apis[0]("GET", "/analytics/team", role="team_admin")
            assert answer.status_code == 200, answer.text
            body = answer.json()
            seen.append((body["summary"]["total_sessions"], body["meta"]["as_of"] is None))

    with ThreadPoolExecutor() as threads:
        readers = [threads.submit(read) for _ in range(3)]
        try:
            assert upshot("refresh", database=url).returncode == 0
            run_dbt_to_the_end("run", "--full-refresh", url=url, target=target)
        finally:
            ended.set()
        for reader in readers:
            reader.result()
    assert len(seen) > 100
    assert set(seen) == {(SESSIONS, False)}


@pytest.fixture
def held(apis: list[Api]) -> Iterator[Api]:
    """The API for an account whose lock somebody holds."""
    api = apis[0].of(uuid4())
    with psycopg.connect(str(api.settings.database_url)) as connection:
        connection.execute(
            "select pg_advisory_xact_lock(hashtextextended(%s::text, 0))", (str(api.account_id),)
        )
        yield api
        connection.rollback()


def test_an_account_that_is_held_up_holds_up_nobody_else(held: Api, apis: list[Api]) -> None:
    with ThreadPoolExecutor(12) as threads:
        waiting = [threads.submit(held, "POST", "/sessions", {"flow_id": FLOW}) for _ in range(12)]
        ready = httpx.get(f"{held.url}/health/ready", timeout=30)
        other = apis[0].of(uuid4())("POST", "/sessions", {"flow_id": FLOW})
        assert (ready.status_code, other.status_code) == (200, 201)
        refused = {answer.result().status_code for answer in waiting}
    assert refused == {503}


def test_of_two_first_votes_at_two_processes_one_is_the_first(apis: list[Api]) -> None:
    def vote(api: Api, session_id: str) -> int:
        body = {"session_id": session_id, "was_helpful": True}
        return api("POST", "/steps/s/feedback", body, user_id=ENGINEER).status_code

    with ThreadPoolExecutor() as threads:
        for _ in range(30):
            session_id = start(apis[0])
            answers = threads.map(vote, apis, [session_id] * 2)
            assert sorted(answers) == [200, 201]
