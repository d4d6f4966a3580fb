"""A whole mart in one answer: of one moment, whole or broken off, and nobody's burden for long."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Api, Serve, with_changes

from ingest.refresh import refresh
from ingest.settings import Settings

SESSIONS = 40_000
"""A row of the mart each: more than sockets hold."""
HISTORY = """
with written as (
    insert into raw.sessions (
        account_id, session_id, flow_id, user_id, started_at,
        started_event_id, started_occurred_at, started_received_at
    )
    select
        %(account_id)s, gen_random_uuid(), md5('flow ' || n %% 100)::uuid,
        md5('user ' || n / 100)::uuid, '2026-03-01Z'::timestamptz + n * interval '1 minute',
        gen_random_uuid(), now(), now()
    from generate_series(1, %(sessions)s) as numbers (n)
)
insert into raw.changes (account_id, session_id, received_at)
values (%(account_id)s, null, now())
"""
ACCOUNT = uuid4()
PATH = "/marts/daily_outcomes?limit=all&format=ndjson"
PATIENCE_SECONDS = 20


@pytest.fixture(scope="module")
def history(new_live_settings: Callable[[], Settings]) -> Settings:
    settings = new_live_settings()
    with psycopg.connect(str(settings.database_url)) as connection:
        connection.execute(HISTORY, {"account_id": ACCOUNT, "sessions": SESSIONS})
    refresh(settings, str(settings.database_url))
    return settings


def connections(settings: Settings) -> list[int]:
    """The API's connections that are in a transaction."""
    with psycopg.connect(str(settings.database_url)) as connection:
        found = connection.execute(
            "select pid from pg_stat_activity where datname = current_database()"
            " and application_name = 'upshot' and xact_start is not null"
        ).fetchall()
    return [pid for (pid,) in found]


def eventually(is_true: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if is_true():
            return True
        time.sleep(0.05)
    return is_true()


@pytest.fixture
def largest(history: Settings, serve: Serve) -> Api:
    """An API that streams one mart at a time."""
    settings = with_changes(history, pool_size=4)
    return Api(serve(settings), settings, ACCOUNT)


@contextmanager
def streaming(api: Api, path: str = PATH) -> Iterator[Iterator[bytes]]:
    """Begin a stream, and read no more than its beginning."""
    headers = {"Authorization": f"Bearer {api.token('service')}"}
    with api.http.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        pieces = answer.iter_bytes(1_000)
        next(pieces)
        yield pieces


def lines(content: bytes) -> int:
    return content.count(b"\n")


def rows_stored(settings: Settings, account_id: UUID) -> int:
    with psycopg.connect(str(settings.database_url)) as connection:
        row = connection.execute(
            "select count(*) from marts.daily_outcomes where account_id = %s", [account_id]
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_all_rows_come_though_no_page_holds_them(largest: Api, history: Settings) -> None:
    rows = rows_stored(history, largest.account_id)
    assert rows == SESSIONS
    answer = largest("GET", PATH, role="service")
    assert lines(answer.content) == rows
    assert len(set(answer.content.splitlines())) == rows
    parquet = largest("GET", PATH.replace("ndjson", "parquet"), role="service").content
    assert pq.read_table(io.BytesIO(parquet)).num_rows == rows
    arrow = largest("GET", PATH.replace("ndjson", "arrow"), role="service").content
    assert pa.ipc.open_stream(arrow).read_all().num_rows == rows


def test_a_stream_is_of_the_moment_it_began(largest: Api, history: Settings) -> None:
    before = rows_stored(history, largest.account_id)
    with streaming(largest) as pieces:
        event = {"flow_id": "0b8e2f0a-41a8-4a76-8e0b-2f3a9f9d6c11"}
        for _ in range(3):
            assert largest("POST", "/sessions", event).status_code == 201
        refresh(history, str(history.database_url))
        rest = b"".join(pieces)
    assert rows_stored(history, largest.account_id) == before + 3
    assert lines(rest) in {before - each for each in range(10)}
    assert lines(largest("GET", PATH, role="service").content) == before + 3


ENDLESS: dict[str, Any] = {
    "name": "endless",
    "version": None,
    "latest_version": None,
    "schema": "marts",
    "identifier": "endless",
    "description": "Takes minutes to read. One row per account, it says.",
    "has_contract": True,
    "tags": [],
    "columns": [
        {"name": "account_id", "data_type": "uuid"},
        {"name": "number", "data_type": "integer"},
    ],
    # Nothing to order by, so its rows come at once.
    "constraints": [{"type": "primary_key", "columns": ["account_id"]}],
    "tests": [],
}


@pytest.fixture
def endless(history: Settings) -> Iterator[str]:
    """The address of a mart whose stream takes minutes."""
    with psycopg.connect(str(history.database_url), autocommit=True) as connection:
        connection.execute(
            "create view marts.endless as select account_id,"
            " generate_series(1, 100000000) as number from raw.accounts"
        )
        connection.execute("select access.serve('marts.endless')")
        connection.execute(
            "insert into raw.accounts values (%s, 'Ours', 'UTC', gen_random_uuid(), now(), now())",
            [ACCOUNT],
        )
        connection.execute(
            "insert into live.served values ('endless', %s, null)", [json.dumps(ENDLESS)]
        )
        yield "/marts/endless?limit=all&format=ndjson"
        connection.execute("delete from live.served where model = 'endless'")
        connection.execute("drop view marts.endless")


def test_whoever_hangs_up_leaves_the_connection_to_others(
    endless: str, largest: Api, history: Settings
) -> None:
    with streaming(largest, endless):
        assert len(connections(history)) == 1
        refusal = largest("GET", PATH, role="service")
        assert (refusal.status_code, refusal.json()["code"]) == (503, "unavailable")
        assert "retry-after" in refusal.headers
        # A page is not refused for it.
        assert largest("GET", "/marts/daily_outcomes", role="service").status_code == 200
    assert eventually(lambda: connections(history) == [])
    assert largest("GET", PATH, role="service").status_code == 200


def test_a_stream_that_fails_midway_does_not_look_whole(largest: Api, history: Settings) -> None:
    with streaming(largest) as pieces:
        [pid] = connections(history)
        with psycopg.connect(str(history.database_url)) as connection:
            connection.execute("select pg_terminate_backend(%s)", [pid])
        with pytest.raises(httpx.RemoteProtocolError):
            b"".join(pieces)
    assert eventually(lambda: largest("GET", PATH, role="service").status_code == 200)


def test_a_stream_that_nobody_reads_is_broken_off(history: Settings, serve: Serve) -> None:
    settings = with_changes(history, pool_size=4, stream_seconds=1)
    api = Api(serve(settings), settings, ACCOUNT)
    with streaming(api) as pieces:
        assert eventually(lambda: connections(history) == [])
        with pytest.raises(httpx.RemoteProtocolError):
            b"".join(pieces)


def test_a_stream_that_fails_at_once_is_a_problem(largest: Api, history: Settings) -> None:
    """As a page does: the catalog knows a column that is not there any more."""
    with psycopg.connect(str(history.database_url)) as connection:
        connection.execute("alter view marts.daily_outcomes rename column rated to was_rated")
    try:
        for path in (PATH, "/marts/daily_outcomes"):
            answer: Any = largest("GET", path, role="service")
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
    finally:
        with psycopg.connect(str(history.database_url)) as connection:
            connection.execute("alter view marts.daily_outcomes rename column was_rated to rated")
