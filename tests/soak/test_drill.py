"""The drill: the whole deployment under steady load, and one part of it after the other fails.

Every service runs by compose.yaml's own command. After each failure what was acknowledged is in
the tables, once, every figure is exact, and the alert that belongs to it was seen and is over.

Dagster's parts take minutes to be well again: they fail where UPSHOT_DRILL_ROUNDS says how many
times everything does, at first in this order, then in any.
"""

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path

import httpx
import psycopg
import pytest
from compose_services import compose
from conftest import BIN
from deployment import SECRETS, Engine, empty_machine
from drill import ALERT_WITHIN, BALLAST_MARGIN, STARTS_WITHIN, Drill, Worker, report, set_clock
from exactness import snapshot, unsettled
from prometheus_server import prometheus
from receivers import webhook
from retrying_clients import Lost, all_writing
from small_volume import small_volume

from ingest.embedded import packaged_programs
from ingest.settings import Settings

ROUNDS = int(os.environ.get("UPSHOT_DRILL_ROUNDS") or 0)
"""0: one, without Dagster's parts."""
CLIENTS = 4
VOLUME_BYTES = 640_000_000
LEAST_BYTES = 48_000_000
"""With fewer free bytes events are refused; the alert fires at a tenth of the volume."""
SOONER = {
    # Seconds instead of minutes and hours; what is asked for stays the same.
    "upshot_oldest_change_seconds > 600": "upshot_oldest_change_seconds > 10",
    "upshot_exactness_check_seconds > 3 * 3600": "upshot_exactness_check_seconds > 40",
}


def clock_library() -> Path:
    """What gives a program another time, as the Makefile found or unpacked it."""
    places = [Path("/usr/lib"), BIN.parent / "debian-faketime" / "usr" / "lib"]
    found = [*chain.from_iterable(each.glob("*/faketime/libfaketimeMT.so.1") for each in places)]
    assert found, "libfaketime is not here: make .venv/faketime"
    return found[0]


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    """All of it, started in its order."""
    root = tmp_path_factory.mktemp("drill")
    clock = root / "clock"
    set_clock(clock, "+0")
    with ExitStack() as stack:
        volume = stack.enter_context(small_volume(VOLUME_BYTES))
        hook = stack.enter_context(webhook())
        configuration = {"max_wal_size": "64MB", "min_wal_size": "32MB"}
        machine = stack.enter_context(empty_machine(root, volume=volume, **configuration))
        least = LEAST_BYTES
        if volume is None:
            least = shutil.disk_usage(root).free - BALLAST_MARGIN
        machine.service("migrate").run()
        names = ("ingest", "refresh", "code", "backup", "dagster", "daemon")
        engine = Engine({name: machine.service(name) for name in names})
        for service in engine.services.values():
            # As a deployment's .env would say.
            service.environment |= {
                "UPSHOT_MIN_FREE_BYTES": str(least),
                "UPSHOT_REFRESH_SECONDS": "2",
                "UPSHOT_ALERT_WEBHOOK_URL": hook.url,
            }
        engine.services["ingest"].environment |= {
            "LD_PRELOAD": str(clock_library()),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        for name in ("ingest", "refresh", "code", "backup"):
            stack.enter_context(engine.services[name].running())
        for name in ("ingest", "code"):
            engine.services[name].await_healthy(STARTS_WITHIN)
        for name in ("dagster", "daemon"):
            stack.enter_context(engine.services[name].running())
        for name in ("dagster", "daemon", "backup"):
            engine.services[name].await_healthy(STARTS_WITHIN)
        yield Drill(machine, engine, hook, clock, is_small=volume is not None)


def test_every_service_runs_as_it_is_written_until_it_is_healthy(drill: Drill) -> None:
    """On an empty server; a run of Dagster's, a backup, and nobody complains."""
    machine = drill.machine
    token = machine.secret("metrics_token")
    asked = httpx.get(
        f"{machine.page('8000')}/metrics", headers={"Authorization": f"Bearer {token}"}
    )
    assert "upshot_database_up 1.0" in asked.text
    # The page hands a run to the daemon's queue, and the code server runs it.
    drill.await_status(drill.launch("refresh"), "SUCCESS")
    made = list(Path(machine.places["/backups"]).iterdir())
    assert [re.fullmatch(r"upshot-\d{8}T\d{6}Z\.dump", path.name) for path in made]
    assert drill.engine.started_again == []
    for service in drill.engine.services.values():
        said = service.log.read_text()
        assert "Traceback" not in said, (service.name, said)


def test_the_servers_own_healthcheck_is_as_written(drill: Drill) -> None:
    kind, command = compose()["services"]["postgres"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    (programs,) = {path for major, path in packaged_programs().items() if major == 18}
    ready = subprocess.run(
        ["sh", "-c", command],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PGHOST": drill.machine.places["postgres"],
        },
        capture_output=True,
        check=False,
    )
    assert ready.returncode == 0, ready


def test_whatever_fails_nothing_is_lost_and_every_figure_is_exact(
    drill: Drill, base_settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    machine, engine = drill.machine, drill.engine
    clocks = [timedelta(), timedelta(hours=23), timedelta(days=-3), timedelta(minutes=5)]
    drill.workers = [
        Worker(machine.api(base_settings), seed, clocks[seed % len(clocks)])
        for seed in range(CLIENTS)
    ]
    with (
        prometheus(
            f"127.0.0.1:{machine.places['8000']}",
            machine.logs,
            token=machine.secret("metrics_token"),
            sooner=SOONER,
        ) as drill.watcher,
        all_writing(drill.workers, Worker.work_until),
    ):
        for number in range(ROUNDS or 1):
            faults: list[Callable[[], None]] = [
                drill.api_is_killed,
                drill.postgres_is_killed,
                drill.clock_is_wrong,
                partial(drill.it_is_migrated, number),
                drill.disk_is_full,
                drill.refresher_is_killed,
            ]
            if ROUNDS:
                faults += [
                    drill.dbt_is_killed,
                    drill.daemon_is_killed,
                    drill.code_server_is_killed,
                ]
            if number:
                random.shuffle(faults)
            for fail in faults:
                fail()
    for worker in drill.workers:
        worker.check(machine.url)
    with psycopg.connect(machine.url, autocommit=True) as connection:
        engine.until(
            lambda: connection.execute("select count(*) from raw.changes").fetchone() == (0,),
            ALERT_WITHIN,
            "the last changes are not taken",
        )
    with snapshot(machine.url) as connection:
        assert unsettled(connection) == []
    with capsys.disabled():
        sys.stderr.write(report(drill))
    for name in ("ingest", "code", "dagster", "daemon"):
        engine.services[name].await_healthy(STARTS_WITHIN)
    for service in engine.services.values():
        said = service.log.read_text()
        # It is in files, and nowhere else.
        assert not any(machine.secret(name) in said for name in SECRETS), service.name
    # Whoever failed, no request did by a fault of ours.
    assert "request_failed" not in engine.services["ingest"].log.read_text()


def test_what_is_lost_doubled_or_wrong_is_found(drill: Drill) -> None:
    """The control: a figure is falsified, a rating taken away, an event created once more."""
    worker = drill.workers[0]
    stolen = next(iter(worker.ratings))
    with psycopg.connect(drill.machine.url, autocommit=True) as connection:
        drill.compare()
        connection.execute(
            "update live.facts__stored set ratings = 2 where session_id = %s", [stolen]
        )
        with pytest.raises(AssertionError, match="not expected"):
            drill.compare()
        worker.check_so_far(drill.machine.url)
        connection.execute("delete from raw.session_ratings where session_id = %s", [stolen])
        with pytest.raises(Lost, match="ratings"):
            worker.check_so_far(drill.machine.url)
    worker.created[next(iter(worker.created))] += 1
    with pytest.raises(Lost, match="twice"):
        worker.check_so_far(drill.machine.url)
