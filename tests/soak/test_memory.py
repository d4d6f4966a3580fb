"""What an API process holds in memory does not grow with what it has answered.

It takes 20 seconds, or as many seconds as UPSHOT_SOAK_SECONDS says.
"""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest
from api_processes import api_process
from conftest import Api
from dbt_processes import run_dbt_to_the_end
from writers import ask_again

from ingest.settings import Settings

SECONDS = float(os.environ.get("UPSHOT_SOAK_SECONDS") or 20)
CLIENTS = 4
ACCOUNTS = 20
SAMPLES = 100
MEGABYTE = 2**20
GROWTH = 1.05
"""How much more the last third may take than the one before: what allocators and caches do."""


def is_flat(samples: list[float]) -> bool:
    third = len(samples) // 3
    return median(samples[-third:]) < GROWTH * median(samples[third : 2 * third])


class Client:
    """Sends batches, starts, completes, rates and reads, as one account after the other."""

    def __init__(self, api: Api) -> None:
        self.answered = 0
        self._accounts = cycle([api.of(uuid4()) for _ in range(ACCOUNTS)])

    def use_until(self, ended: threading.Event) -> None:
        while not ended.is_set():
            self.use(next(self._accounts))

    def use(self, api: Api) -> None:
        session = str(uuid4())
        started = {"session_id": session, "flow_id": str(UUID(int=7))}
        completed = {"outcome": "resolved"}
        rated = {"rating": 4, "comment": "Fine."}
        who: dict[str, Any] = {"user_id": api.account_id}
        for answer, status in (
            (ask_again(api, "POST", "/sessions", started, **who), 201),
            (ask_again(api, "POST", f"/sessions/{session}/complete", completed, **who), 200),
            (ask_again(api, "POST", f"/sessions/{session}/rate", rated, **who), 201),
            (ask_again(api, "POST", "/events", [{}] * 20, role="service"), 207),
            (ask_again(api, "GET", "/analytics/me?period=7d", **who), 200),
        ):
            assert answer.status_code == status, answer.text
            self.answered += 1


@pytest.fixture
def refreshed(database_url: str, tmp_path: Path) -> str:
    run_dbt_to_the_end("run", url=database_url, target=tmp_path / "dbt")
    return database_url


def test_the_memory_of_a_process_stays_flat(
    refreshed: str, tmp_path: Path, base_settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        api_process(refreshed, tmp_path, quota_events=1_000_000_000) as process,
        ThreadPoolExecutor(CLIENTS) as threads,
    ):
        ended = threading.Event()
        clients = [Client(process.api(base_settings)) for _ in range(CLIENTS)]
        used = [threads.submit(client.use_until, ended) for client in clients]
        api = psutil.Process(process.process.pid)
        samples = []
        for _ in range(SAMPLES):
            time.sleep(SECONDS / SAMPLES)
            samples.append(api.memory_info().rss / MEGABYTE)
        ended.set()
        for each in used:
            each.result()
    with capsys.disabled():
        third = len(samples) // 3
        answered = sum(client.answered for client in clients)
        sys.stderr.write(
            f"\n{answered:,} requests in {SECONDS:g} s; MB resident:"
            f" first {samples[0]:.0f}, a third {samples[third]:.0f},"
            f" two thirds {samples[2 * third]:.0f}, last {samples[-1]:.0f}\n"
        )
    assert is_flat(samples)


def test_a_process_that_keeps_what_it_answered_is_found() -> None:
    """The control: a kilobyte for each of 1,000 requests a second, over a minute."""
    assert not is_flat([120 + second / 60 * 60 for second in range(61)])
    assert is_flat([120 + 10 * min(1, second / 10) for second in range(61)])
