"""A clean stop: what is under way is finished, what comes is told, nobody waits for ever."""

import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from api_processes import api_process
from conftest import Api
from events import Event, event

from ingest.settings import Settings

ENOUGH = 30
"""Seconds within which a process is gone."""


def rated() -> Event:
    return event("session.rated", session_id=uuid4(), rating=5)


def stored(database_url: str) -> set[str]:
    with psycopg.connect(database_url) as connection:
        return {
            str(event_id) for (event_id,) in connection.execute("select event_id from raw.events")
        }


class Senders:
    """Clients that send batches without a pause, until they are told to end or are refused."""

    def __init__(self, clients: list[Api]) -> None:
        self.ended = threading.Event()
        self.done: list[str] = []
        self.told: list[int] = []
        self.unanswered: list[str] = []
        self._threads = [threading.Thread(target=self._send, args=[each]) for each in clients]
        for thread in self._threads:
            thread.start()

    def _send(self, api: Api) -> None:
        while not self.ended.is_set():
            batch = [rated() for _ in range(20)]
            try:
                answer = api.post_events(batch)
            except httpx.ConnectError:
                return
            except httpx.TransportError as error:
                self.unanswered.append(repr(error))
                return
            if answer.is_success:
                self.done += [item["id"] for item in batch]
            else:
                self.told.append(answer.status_code)

    def end(self) -> None:
        self.ended.set()
        for thread in self._threads:
            thread.join(ENOUGH)

    def assert_what_was_done_is_stored(self, database_url: str) -> None:
        assert set(self.told) <= {503}
        assert len(self.done) > 500
        assert set(self.done) <= stored(database_url)


def test_whoever_sends_on_is_told_or_finds_the_door_closed(
    database_url: str, tmp_path: Path, base_settings: Settings
) -> None:
    """Eight clients send on and on while the API stops; what was answered with 2xx is stored."""
    with api_process(database_url, tmp_path) as process:
        senders = Senders([process.api(base_settings) for _ in range(8)])
        time.sleep(2)
        process.signal(signal.SIGTERM)
        process.process.wait(ENOUGH)
        senders.end()
    senders.assert_what_was_done_is_stored(database_url)


@pytest.mark.parametrize("workers", [1, 2])
def test_whoever_heeds_readiness_gets_an_answer_to_every_request(
    database_url: str, tmp_path: Path, base_settings: Settings, workers: int
) -> None:
    """As a load balancer does, in front of one process or several behind its port."""
    with api_process(database_url, tmp_path, workers=workers, stop_notice_seconds=5) as process:
        senders = Senders([process.api(base_settings) for _ in range(8)])
        time.sleep(2)
        process.signal(signal.SIGTERM)
        until = time.monotonic() + 5
        while httpx.get(f"{process.url}/health/ready").is_success:
            assert time.monotonic() < until
            time.sleep(0.1)
        senders.end()
        process.process.wait(ENOUGH)
    assert senders.unanswered == []
    senders.assert_what_was_done_is_stored(database_url)


def test_it_is_not_ready_before_it_stops_taking_requests(
    database_url: str, tmp_path: Path, base_settings: Settings
) -> None:
    with api_process(database_url, tmp_path, stop_notice_seconds=4) as process:
        api = process.api(base_settings)
        process.signal(signal.SIGTERM)
        until = time.monotonic() + 3
        while (ready := httpx.get(f"{process.url}/health/ready")).is_success:
            assert time.monotonic() < until
        assert (ready.status_code, ready.json()["code"]) == (503, "shutting_down")
        assert "retry-after" in ready.headers
        answer = api.post_events([rated()])
        assert answer.status_code == 200, "it goes on taking requests for those who do not know"
        assert answer.headers["connection"] == "close"
        process.process.wait(ENOUGH)
        with pytest.raises(httpx.ConnectError):
            api.post_events([rated()])


def test_a_request_that_never_comes_whole_is_told_and_not_awaited(
    database_url: str, tmp_path: Path, base_settings: Settings
) -> None:
    with api_process(database_url, tmp_path) as process:
        api = process.api(base_settings)
        head = (
            f"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
            f"Authorization: Bearer {api.token('service')}\r\n"
            f"Content-Type: application/json\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", process.port)) as client:
            client.settimeout(ENOUGH)
            client.sendall(head.encode() + b'[{"id":')
            time.sleep(0.5)
            process.signal(signal.SIGTERM)
            # Head and body may come one after the other; then the connection is closed.
            answer = b"".join(iter(lambda: client.recv(10_000), b""))
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"shutting_down" in answer
        process.process.wait(ENOUGH)


def test_what_waits_for_a_lock_at_the_end_is_durable_or_told(
    database_url: str, tmp_path: Path, base_settings: Settings
) -> None:
    """Somebody holds the account while the API stops; then lets go."""
    answers: dict[str, httpx.Response] = {}

    def send(api: Api, sent: dict[str, Any]) -> None:
        answers[sent["id"]] = api.post_events([sent])

    with (
        api_process(database_url, tmp_path) as process,
        psycopg.connect(database_url) as connection,
    ):
        api = process.api(base_settings)
        connection.execute(
            "select pg_advisory_xact_lock(hashtextextended(%s::text, 0))", [api.account_id]
        )
        sent = [rated() for _ in range(6)]
        senders = [
            threading.Thread(target=send, args=[api.of(api.account_id), each]) for each in sent
        ]
        for sender in senders:
            sender.start()
        time.sleep(0.7)
        process.signal(signal.SIGTERM)
        time.sleep(0.5)
        connection.rollback()
        for sender in senders:
            sender.join(ENOUGH)
        process.process.wait(ENOUGH)
    assert len(answers) == len(sent)
    found = stored(database_url)
    for event_id, answer in answers.items():
        assert answer.status_code in {200, 503}
        assert (event_id in found) == (answer.status_code == 200)


def test_asked_twice_it_stops_at_once(database_url: str, tmp_path: Path) -> None:
    with api_process(database_url, tmp_path, stop_notice_seconds=600) as process:
        process.signal(signal.SIGTERM)
        time.sleep(0.3)
        process.signal(signal.SIGTERM)
        process.process.wait(ENOUGH)


def test_workers_share_a_port_and_one_that_dies_is_replaced(
    database_url: str, tmp_path: Path, base_settings: Settings
) -> None:
    with api_process(database_url, tmp_path, workers=2) as process:
        api = process.api(base_settings)
        first = process.workers()
        assert len(first) == 2
        os.kill(first[0], signal.SIGKILL)
        until = time.monotonic() + ENOUGH
        while len(set(process.workers()) - set(first)) < 1:
            assert time.monotonic() < until
            time.sleep(0.1)
        process.await_ready()
        for _ in range(20):
            assert api.of(uuid4()).post_events([rated()]).status_code == 200
