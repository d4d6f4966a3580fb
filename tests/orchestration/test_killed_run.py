"""Runs that are killed, with all of Dagster at work as `upshot up` starts it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import refresh_lock
from api_processes import free_port
from dagster_graphql import DagsterGraphQLClient
from dagster_processes import (
    dagster_environment,
    eventually,
    kill_family,
    start_dg,
)
from live_warehouse import HISTORY
from receivers import Webhook, webhook

from ingest.settings import Settings
from ingest.store.operations import libpq_variables

STARTS_WITHIN = 240
"""All of Dagster, on a busy machine."""
NEXT_RUN_WITHIN = 120
"""What is promised."""
RUNS_WITHIN = 300
LOOKS = 10
"""Of the daemon at a run that was killed; ours needs one to find it."""

RUNS = "select status from dagster.runs where pipeline_name = 'refresh' order by id"
WAITING = """
select count(*) from pg_stat_activity
where
    datname = current_database()
    and application_name = 'dbt'
    and wait_event_type = 'Lock'
"""
DIFFERENT_FACTS = """
select count(*) from (
    (select * from marts.facts except all select * from live.facts__recomputed)
    union all
    (select * from live.facts__recomputed except all select * from marts.facts)
) as differences
"""


class Dagster:
    """All of its programs, which can go down together and come back."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self.log = log
        self._environment = environment
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = start_dg(
                *("dev", "--host", "127.0.0.1", "--port", str(self.port)),
                environment=self._environment,
                output=output,
            )
        eventually(self._answers, seconds=STARTS_WITHIN)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/server_info").is_success
        except httpx.TransportError:
            return False

    def worker(self) -> psutil.Process:
        """Return the process of the run that has started dbt."""
        (dbt,) = [
            each
            for each in psutil.Process(self.process.pid).children(recursive=True)
            if "dbt" in " ".join(each.cmdline()[:2]) and "build" in each.cmdline()
        ]
        parent = dbt.parent()
        assert parent is not None
        return parent

    def looks(self) -> int:
        """Return how often its daemon has looked whether a run is still at work."""
        return self.log.read_text().count("Checking run")

    def kill(self) -> None:
        kill_family(self.process)


@contextmanager
def dagster_at_work(url: str, folder: Path, hook: Webhook, **changes: str) -> Iterator[Dagster]:
    """All of it until the block ends, with changes of its configuration, by what they replace."""
    environment = dagster_environment(url, libpq_variables(url), folder)
    environment["UPSHOT_ALERT_WEBHOOK_URL"] = hook.url
    configuration = Path(environment["DAGSTER_HOME"], "dagster.yaml")
    text = configuration.read_text()
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    configuration.write_text(text)
    dagster = Dagster(environment, folder / "dg.log")
    try:
        yield dagster
    finally:
        dagster.kill()


def waiting(database: psycopg.Connection) -> int:
    """Return how many refreshes wait for the lock; PostgreSQL does not see that one has died."""
    row = database.execute(WAITING).fetchone()
    return row[0] if row else 0


@pytest.fixture
def live_settings(new_live_settings: Callable[[], Settings]) -> Settings:
    return new_live_settings()


def test_a_run_that_was_killed_starts_again_soon_and_gets_it_right(
    live_settings: Settings, tmp_path: Path
) -> None:
    """Killed with all of Dagster, as when the machine goes down, and then alone."""
    url = live_settings.database_url or ""
    with (
        psycopg.connect(url, autocommit=True) as database,
        webhook() as hook,
    ):
        database.execute(HISTORY)
        database.execute("update raw.changes set received_at = now() - interval '2 minutes'")
        database.execute(refresh_lock.TAKE)

        def statuses() -> list[str]:
            return [status for (status,) in database.execute(RUNS)]

        def started_after(moment: float, number: int) -> float:
            # The daemon tries again, or the sensor finds what still waits: whoever is first.
            eventually(lambda: "STARTED" in statuses()[number:], seconds=NEXT_RUN_WITHIN)
            return time.monotonic() - moment

        with dagster_at_work(url, tmp_path, hook) as dagster:
            # The sensor finds what has been waiting.
            eventually(lambda: waiting(database) == 1, seconds=RUNS_WITHIN)
            dagster.kill()
            assert statuses() == ["STARTED"], "nobody was there to notice"

            dagster.start()
            again = started_after(time.monotonic(), 1)
            eventually(lambda: waiting(database) == 2, seconds=RUNS_WITHIN)
            dagster.worker().kill()
            once_more = started_after(time.monotonic(), 2)
            # Shown with `pytest -s`.
            print(f"started again after {again:.0f} s and {once_more:.0f} s")  # noqa: T201

            database.execute("select pg_advisory_unlock_all()")
            eventually(lambda: set(statuses()[2:]) == {"SUCCESS"}, seconds=RUNS_WITHIN)
            assert statuses()[:2] == ["FAILURE", "FAILURE"]
            assert database.execute("select count(*) from raw.changes").fetchone() == (0,)
            assert database.execute(DIFFERENT_FACTS).fetchone() == (0,)
            assert hook.posted == [], "they have started again by themselves"

            client = DagsterGraphQLClient("127.0.0.1", dagster.port)
            run_id = client.submit_job_execution("rebuild_account")
            eventually(lambda: hook.posted, seconds=RUNS_WITHIN)
            (told,) = hook.posted
            assert (told["run_id"], told["failed_steps"]) == (run_id, ["rebuild"])


def test_with_the_launcher_of_dagsters_own_nothing_starts(
    live_settings: Settings, tmp_path: Path
) -> None:
    """The control: the daemon looks every second, and the run that was killed goes on for it."""
    url = live_settings.database_url or ""
    changes = {
        "module: orchestration.run_launcher": "module: dagster",
        "class: WatchfulRunLauncher": "class: DefaultRunLauncher",
        "poll_interval_seconds: 15": "poll_interval_seconds: 1",
    }
    with (
        psycopg.connect(url, autocommit=True) as database,
        webhook() as hook,
        dagster_at_work(url, tmp_path, hook, **changes) as dagster,
    ):
        database.execute(HISTORY)
        database.execute(refresh_lock.TAKE)
        DagsterGraphQLClient("127.0.0.1", dagster.port).submit_job_execution("refresh")
        eventually(lambda: waiting(database) == 1, seconds=RUNS_WITHIN)
        dagster.kill()
        before = dagster.looks()
        dagster.start()
        eventually(lambda: dagster.looks() > before + LOOKS, seconds=RUNS_WITHIN)
        assert database.execute(RUNS).fetchall() == [("STARTED",)]
