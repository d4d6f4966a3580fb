"""What an API process holds in memory does not grow with what it has answered.

It takes 20 seconds, or as many seconds as UPSHOT_SOAK_SECONDS says.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from statistics import median
from uuid import uuid4

import psutil
import pytest
from api_processes import api_process
from conftest import Api, with_changes
from dbt_processes import run_dbt_to_the_end

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


def use(api: Api, ended: threading.Event, answered: list[int]) -> None:
    """Send batches, start, complete, rate and read, as one account after the other."""
    flow = str(uuid4())
    for account in cycle([api.of(uuid4()) for _ in range(ACCOUNTS)]):
        # One token each: clients keep theirs for a while.
        user_id = account.account_id
        session = str(uuid4())
        started = {"session_id": session, "flow_id": flow}
        steps: list[Callable[[], object]] = [
            lambda a=account, b=started, u=user_id: a("POST", "/sessions", b, user_id=u),
            lambda a=account, s=session, u=user_id: a(
                "POST", f"/sessions/{s}/complete", {"outcome": "resolved"}, user_id=u
            ),
            lambda a=account, s=session, u=user_id: a(
                "POST", f"/sessions/{s}/rate", {"rating": 4, "comment": "Fine."}, user_id=u
            ),
            lambda a=account: a.post_events([{}] * 20),
            lambda a=account, u=user_id: a("GET", "/analytics/me?period=7d", user_id=u),
        ]
        for step in steps:
            if ended.is_set():
                return
            step()
            answered[0] += 1


@pytest.fixture
def refreshed(database_url: str, tmp_path: Path) -> str:
    run_dbt_to_the_end("run", url=database_url, target=tmp_path / "dbt")
    return database_url


def test_the_memory_of_a_process_stays_flat(
    refreshed: str, tmp_path: Path, base_settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with api_process(refreshed, tmp_path, quota_events=1_000_000_000) as process:
        secret = (tmp_path / "jwt_secret").read_text()
        settings = with_changes(base_settings, jwt_secret=secret)
        ended = threading.Event()
        counts = [[0] for _ in range(CLIENTS)]
        clients = [
            threading.Thread(target=use, args=[Api(process.url, settings), ended, count])
            for count in counts
        ]
        for client in clients:
            client.start()
        api = psutil.Process(process.process.pid)
        samples = []
        for _ in range(SAMPLES):
            time.sleep(SECONDS / SAMPLES)
            samples.append(api.memory_info().rss / MEGABYTE)
        ended.set()
        for client in clients:
            client.join(60)
    with capsys.disabled():
        third = len(samples) // 3
        sys.stdout.write(
            f"\n{sum(count for (count,) in counts):,} requests in {SECONDS:g} s; MB resident:"
            f" first {samples[0]:.0f}, a third {samples[third]:.0f},"
            f" two thirds {samples[2 * third]:.0f}, last {samples[-1]:.0f}\n"
        )
    assert is_flat(samples)


def test_a_process_that_keeps_what_it_answered_is_found() -> None:
    """The control: a kilobyte for each of 1,000 requests a second, over a minute."""
    assert not is_flat([120 + second / 60 * 60 for second in range(61)])
    assert is_flat([120 + 10 * min(1, second / 10) for second in range(61)])
