"""No acknowledged write is lost and none is doubled, whatever is killed.

The API, PostgreSQL and the refresher are killed at random under load, 8 times or as many times as
UPSHOT_SOAK_KILLS says. Clients try again by the rules and keep a log of what was acknowledged.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from api_processes import api_process
from conftest import BIN, Upshot
from dbt_processes import run_dbt_to_the_end
from killable_server import KillableServer, killable_server
from retrying_clients import Client, Lost, clients

from ingest.settings import Settings
from ingest.store.migrate import migrate

KILLS = int(os.environ.get("UPSHOT_SOAK_KILLS") or 8)
NO_QUOTA = 1_000_000_000


@pytest.fixture
def server() -> Iterator[KillableServer]:
    with killable_server() as server:
        migrate(server.url)
        yield server


@contextmanager
def refresher(url: str, home: Path) -> Iterator[Callable[[], None]]:
    """Keep the marts refreshed; yield what kills the refresher and starts another one."""

    def start() -> subprocess.Popen[bytes]:
        own = {"UPSHOT_HOME": str(home), "UPSHOT_DATABASE_URL": url, "UPSHOT_REFRESH_SECONDS": "1"}
        with (home / "refresh.log").open("ab") as log:
            return subprocess.Popen(
                [BIN / "upshot", "refresh", "--watch"],
                env=os.environ | own, stdout=log, stderr=log,
            )  # fmt: skip

    running = [start()]

    def kill_and_start() -> None:
        running[0].kill()
        running[0].wait()
        running[0] = start()

    try:
        yield kill_and_start
    finally:
        running[0].kill()
        running[0].wait()


def test_no_acknowledged_write_is_lost_and_none_is_doubled(
    server: KillableServer,
    tmp_path: Path,
    base_settings: Settings,
    upshot: Upshot,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_dbt_to_the_end("run", url=server.url, target=tmp_path / "dbt")
    random = Random()
    kills: Counter[str] = Counter()
    with (
        api_process(server.url, tmp_path, quota_events=NO_QUOTA) as process,
        refresher(server.url, tmp_path) as kill_refresher,
    ):

        def kill_api() -> None:
            process.kill()
            process.start()

        def kill_postgres() -> None:
            server.kill()
            server.start()

        kinds = {"API": kill_api, "PostgreSQL": kill_postgres, "refresher": kill_refresher}
        with clients(process, base_settings, Client.write_until) as writing:
            for number in range(KILLS):
                time.sleep(random.uniform(0.2, 3))
                kind = list(kinds)[number] if number < len(kinds) else random.choice([*kinds])
                kinds[kind]()
                kills[kind] += 1
                # Now and then the next one comes before all is up again.
                if random.random() < 0.7:
                    process.await_ready()
        process.await_ready()
    for client in writing:
        client.check(server.url)
    acknowledged = sum(
        len(client.acknowledged) + len(client.ratings) + len(client.votes) for client in writing
    )
    with capsys.disabled():
        sys.stderr.write(
            f"\n{dict(kills)} killed, {acknowledged:,} writes acknowledged,"
            f" {sum(client.tried_again for client in writing):,} requests tried again\n"
        )
    assert kills.total() == KILLS
    assert acknowledged > 20 * KILLS
    assert all(client.acknowledged for client in writing)
    checked = upshot("check", database=server.url)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_commits_that_are_not_waited_for_are_found(
    server: KillableServer, tmp_path: Path, base_settings: Settings
) -> None:
    """The control: with synchronous_commit off, what was acknowledged last is lost."""
    server.configure(synchronous_commit="off", wal_writer_delay="10s")
    server.kill()
    server.start()
    with pytest.raises(Lost):
        lose_power(server, tmp_path, base_settings)


def lose_power(server: KillableServer, folder: Path, settings: Settings) -> None:
    with (
        api_process(server.url, folder, quota_events=NO_QUOTA) as process,
        clients(process, settings, Client.write_until) as writing,
    ):
        time.sleep(3)
        server.kill()
        server.start()
        process.await_ready()
    for client in writing:
        client.check(server.url)
