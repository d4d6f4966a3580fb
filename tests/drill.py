"""A deployment whose parts fail one after the other, those who use it, and those who watch it."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import httpx
import psutil
import psycopg
import refresh_lock
from conftest import BIN, REPOSITORY, Api
from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError
from deployment import Engine, Machine
from events import Event
from exactness import compare, snapshot
from prometheus_server import firing
from receivers import Webhook
from requests import RequestException
from retrying_clients import Client

from ingest.store.migrate import MIGRATIONS

PAUSE = 0.4
"""Seconds that a client waits between two sessions, on average."""
STARTS_WITHIN = 240
ALERT_WITHIN = 90
NEXT_RUN_WITHIN = 120
"""What is promised."""
RUNS_WITHIN = 240

BALLAST_MARGIN = 400_000_000
"""Where there is no small volume: so much less than now is too little."""
MIGRATION = """
-- depends: {before}
create table raw.drill_{number} (
    account_id uuid not null,
    drill_id uuid not null,
    primary key (account_id, drill_id)
);
alter table raw.sessions add column drill_{number} integer not null default 7;
alter table raw.session_ratings add column drill_{number} text;
create index on raw.sessions (account_id, drill_{number});
"""
MIGRATE = """
import os, sys
from pathlib import Path
from ingest.settings import read_settings
from ingest.store import migrate
migrate.MIGRATIONS = Path(sys.argv[1])
print(*migrate.migrate(read_settings().database_url))
"""
"""What `upshot migrate` does, with one migration more than there is."""


class Worker(Client):
    """One who works at a human pace, by a clock that may be wrong."""

    def __init__(self, api: Api, seed: int, clock: timedelta) -> None:
        super().__init__(api, seed)
        self.clock = clock

    def told(self, session_id: str) -> list[Event]:
        moment = (datetime.now(UTC) + self.clock).isoformat()
        return [each | {"occurred_at": moment} for each in super().told(session_id)]

    def work_until(self, ended: threading.Event) -> None:
        while not ended.wait(self.random.uniform(0, 2 * PAUSE)):
            session = str(uuid4())
            self.send(self.told(session))
            self.rate(session)
            self.vote(session, self.random.choice("ab"))
            # A vote is changed long after it was cast, perhaps by another clock of ours.
            self.vote(*self.random.choice(list(self.votes)))

    @property
    def writes(self) -> int:
        """How many were acknowledged."""
        return len(self.waits)


class Outcome(NamedTuple):
    """What came of one failure."""

    fault: str
    seconds: float
    acknowledged: int
    tried_again: int
    longest: float
    """Seconds that a write took, with all its tries."""
    alert: str
    seen: float
    """Seconds after the failure."""
    cleared: float
    """Seconds after the part was back."""
    rows: int
    """Of figures, compared."""


class Fault:
    """One failure as it goes on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.began = time.monotonic()
        self.back: float | None = None
        self.alert, self.seen, self.cleared = "-", 0.0, 0.0


class Drill:
    """The deployment, those who use it, and those who watch it."""

    def __init__(
        self, machine: Machine, engine: Engine, hook: Webhook, clock: Path, *, is_small: bool
    ) -> None:
        self.machine = machine
        self.engine = engine
        self.hook = hook
        self.clock = clock
        self.is_small = is_small
        self.workers: list[Worker] = []
        self.outcomes: list[Outcome] = []
        self.watcher: httpx.Client

    # --- what is looked at -----------------------------------------------------------------------

    @contextmanager
    def fault(self, name: str) -> Iterator[Fault]:
        """One failure: at its end all is as it was before, and nothing is lost or wrong."""
        fault = Fault(name)
        waited = [len(worker.waits) for worker in self.workers]
        again = sum(worker.tried_again for worker in self.workers)
        yield fault
        self.await_writes()
        for worker in self.workers:
            worker.check_so_far(self.machine.url)
        rows = self.compare()
        waits = [
            wait
            for worker, before in zip(self.workers, waited, strict=True)
            for wait in worker.waits[before:]
        ]
        self.outcomes.append(
            Outcome(
                fault=name,
                seconds=time.monotonic() - fault.began,
                acknowledged=len(waits),
                tried_again=sum(worker.tried_again for worker in self.workers) - again,
                longest=max(waits),
                alert=fault.alert,
                seen=fault.seen,
                cleared=fault.cleared,
                rows=rows,
            )
        )

    def compare(self) -> int:
        """See that every figure is exact while everybody goes on; return how many were compared."""
        with snapshot(self.machine.url) as connection:
            seen = compare(connection)
        assert seen.wrong == [], seen.wrong
        return seen.rows

    def await_writes(self) -> None:
        """Wait until each of them has got something done, and again."""
        before = [worker.writes for worker in self.workers]
        self.engine.until(
            lambda: all(
                worker.writes > was + 5 for worker, was in zip(self.workers, before, strict=True)
            ),
            ALERT_WITHIN,
            "writes are not acknowledged",
        )

    def await_comparison(self) -> None:
        """See to it that some accounts were just compared with raw, and nobody warns."""
        if "UpshotExactnessUnknown" in firing(self.watcher):
            self.await_status(self.launch("check"), "SUCCESS")
            self.engine.until(
                lambda: "UpshotExactnessUnknown" not in firing(self.watcher), 30, "it still fires"
            )

    def await_alert(self, fault: Fault, alert: str) -> None:
        fault.alert = alert
        self.engine.until(
            lambda: alert in firing(self.watcher), ALERT_WITHIN, f"{alert} does not fire"
        )
        fault.seen = time.monotonic() - fault.began
        fault.back = time.monotonic()

    def await_calm(self, fault: Fault) -> None:
        self.engine.until(
            lambda: fault.alert not in firing(self.watcher),
            RUNS_WITHIN,
            f"{fault.alert} goes on firing",
        )
        assert fault.back is not None
        fault.cleared = time.monotonic() - fault.back

    # --- Dagster ---------------------------------------------------------------------------------

    def launch(self, job: str) -> str:
        """Ask what the page's button asks, again where the page stumbles over what was killed."""

        def ask() -> str | None:
            try:
                client = DagsterGraphQLClient("127.0.0.1", int(self.machine.places["3000"]))
                return client.submit_job_execution(job)
            except (DagsterGraphQLClientError, RequestException):
                return None

        return self.engine.until(ask, STARTS_WITHIN, f"{job} is not launched") or ""

    def status(self, run_id: str) -> str:
        with psycopg.connect(self.machine.url) as connection:
            row = connection.execute(
                "select status from dagster.runs where run_id = %s", [run_id]
            ).fetchone()
        return row[0] if row else ""

    def await_status(self, run_id: str, *statuses: str, seconds: float = RUNS_WITHIN) -> None:
        self.engine.until(
            lambda: self.status(run_id) in statuses, seconds, f"the run is not {statuses}"
        )

    def runs_after(self, run_id: str, job: str) -> list[tuple[str, str]]:
        """Return the runs of a job that came after one, with their status."""
        with psycopg.connect(self.machine.url) as connection:
            return connection.execute(
                "select run_id, status from dagster.runs where pipeline_name = %s"
                " and id > (select id from dagster.runs where run_id = %s) order by id",
                [job, run_id],
            ).fetchall()

    def told_of(self, run_id: str) -> list[tuple[str, list[str]]]:
        """Return the job and the failed steps of each time that the webhook was told of a run."""
        return [
            (each["job"], each["failed_steps"])
            for each in self.hook.posted
            if each["run_id"] == run_id
        ]

    def await_dbt(self, run_id: str) -> psutil.Process:
        """Wait until dbt works for a run, and for no other; return it."""
        return self.engine.until(
            lambda: self.at_work() == [run_id] and next(self._dbts(), None),
            RUNS_WITHIN,
            "dbt does not start",
        )

    def at_work(self) -> list[str]:
        with psycopg.connect(self.machine.url) as connection:
            query = "select run_id from dagster.runs where status = 'STARTED'"
            return [run_id for (run_id,) in connection.execute(query)]

    def _dbts(self) -> Iterator[psutil.Process]:
        for process in self.engine.services["code"].family():
            with suppress(psutil.Error):
                command = process.cmdline()
                # The server itself has it parse the project.
                if "build" in command and "dbt" in " ".join(command[:2]):
                    yield process

    # --- what fails ------------------------------------------------------------------------------

    def api_is_killed(self) -> None:
        with self.fault("API killed") as fault:
            self.engine.kill("ingest")
            self.await_alert(fault, "UpshotDown")
            self.engine.start("ingest")
            self.await_calm(fault)

    def postgres_is_killed(self) -> None:
        with self.fault("PostgreSQL killed") as fault:
            self.machine.server.kill()
            self.await_alert(fault, "UpshotDatabaseDown")
            self.machine.server.start()
            self.await_calm(fault)

    def refresher_is_killed(self) -> None:
        """Within the transaction of a refresh."""
        with self.fault("refresher killed") as fault:
            with psycopg.connect(self.machine.url, autocommit=True) as connection:
                self.engine.until(
                    lambda: connection.execute(refresh_lock.HOLDER).fetchone(),
                    60,
                    "nobody refreshes",
                )
            self.engine.kill("refresh")
            self.await_alert(fault, "UpshotChangesOld")
            self.engine.start("refresh")
            self.await_calm(fault)

    def disk_is_full(self) -> None:
        """To the last byte on a small volume; else as full as it may be."""
        folder = Path(self.machine.places["/postgres"])
        ballast = folder / "ballast"
        with self.fault("disk full") as fault:
            try:
                with ballast.open("wb") as file:
                    fill(file.fileno(), folder, to_the_end=self.is_small)
                ready = f"{self.machine.page('8000')}/health/ready"
                self.engine.until(
                    lambda: httpx.get(ready).json().get("code") == "disk_full", 30, "it is ready"
                )
                if self.is_small:
                    self.await_alert(fault, "UpshotVolumeFillsUp")
            finally:
                ballast.unlink()
            # It may have stopped: an engine would start it again.
            self.machine.server.start()
            if self.is_small:
                self.await_calm(fault)

    def clock_is_wrong(self) -> None:
        """Ours: set ahead and back while requests are under way; and one client's, too far."""
        with self.fault("clock wrong") as fault:
            set_clock(self.clock, "+20m")
            self.await_alert(fault, "UpshotClockOff")
            self.await_writes()
            worker = self.workers[0]
            early = worker.told(str(uuid4()))
            for each in early:
                each["occurred_at"] = (datetime.now(UTC) + timedelta(hours=25)).isoformat()
            answer = worker.ask("POST", "/events", early, role="service")
            assert {each["result"] for each in answer.json()["items"]} == {"rejected"}, answer.text
            set_clock(self.clock, "-20s")
            self.await_writes()
            set_clock(self.clock, "+0")
            fault.back = time.monotonic()
            self.await_calm(fault)

    def it_is_migrated(self, number: int) -> None:
        """Again, and by a migration that nobody had seen: while all serve and refresh."""
        folder = self.machine.logs / "migrations"
        shutil.copytree(MIGRATIONS, folder, dirs_exist_ok=True)
        last = max(path.stem for path in folder.glob("*.sql"))
        name = f"{int(last[:4]) + 1:04}.drill_{number}"
        (folder / f"{name}.sql").write_text(MIGRATION.format(before=last, number=number))
        service = self.machine.service("migrate")
        with self.fault("migrated"):
            service.run()
            applied = subprocess.run(
                [BIN / "python", "-c", MIGRATE, folder],
                cwd=REPOSITORY, env=service.environment, capture_output=True, text=True,
                check=False, timeout=120,
            )  # fmt: skip
            assert applied.returncode == 0, applied.stderr
            assert applied.stdout.split() == [name], applied.stdout

    def dbt_is_killed(self) -> None:
        """In a run of Dagster's: the run is told of, and the next one succeeds."""
        with self.fault("dbt of a run killed") as fault:
            run_id = self.launch("refresh")
            dbt = self.await_dbt(run_id)
            fault.began = time.monotonic()
            dbt.kill()
            self.await_status(run_id, "FAILURE")
            told = self.engine.until(lambda: self.told_of(run_id), ALERT_WITHIN, "nobody is told")
            fault.alert, fault.seen = "webhook", time.monotonic() - fault.began
            assert told == [("refresh", ["warehouse"])], told
            fault.back = time.monotonic()
            self.await_status(self.launch("refresh"), "SUCCESS")
            fault.cleared = time.monotonic() - fault.back

    def daemon_is_killed(self) -> None:
        """Nobody takes runs out of the queue; what was asked for runs when it is there again."""
        self.await_comparison()
        with self.fault("Dagster's daemon killed") as fault:
            self.engine.kill("daemon")
            run_id = self.launch("check")
            self.await_alert(fault, "UpshotExactnessUnknown")
            assert self.status(run_id) == "QUEUED", self.status(run_id)
            self.engine.start("daemon")
            self.await_status(run_id, "SUCCESS")
            self.await_calm(fault)

    def code_server_is_killed(self) -> None:
        """With a run at work: it starts again within the time that is promised."""
        self.await_comparison()
        with self.fault("code server killed") as fault:
            run_id = self.launch("check")
            self.await_dbt(run_id)
            fault.began = time.monotonic()
            self.engine.kill("code")
            self.await_alert(fault, "UpshotExactnessUnknown")
            self.engine.start("code")
            self.engine.services["code"].await_healthy(STARTS_WITHIN)
            ((again, _), *_) = self.engine.until(
                lambda: [
                    each
                    for each in self.runs_after(run_id, "check")
                    if each[1] in {"STARTED", "SUCCESS"}
                ],
                NEXT_RUN_WITHIN,
                "it does not start again",
            )
            assert self.status(run_id) == "FAILURE", self.status(run_id)
            self.await_status(again, "SUCCESS")
            self.await_calm(fault)
            assert self.told_of(run_id) == [], "it has started again by itself"


def fill(file: int, folder: Path, *, to_the_end: bool) -> None:
    """Take what is free: piece by piece, as others take some meanwhile."""
    if not to_the_end:
        os.posix_fallocate(file, 0, 2 * BALLAST_MARGIN)
        return
    size = 0
    try:
        while True:
            free = shutil.disk_usage(folder).free
            piece = max(1_000_000, free // 2)
            os.posix_fallocate(file, size, piece)
            size += piece
    except OSError:
        try:
            while os.write(file, bytes(4096)):
                pass
        except OSError:
            return


def set_clock(clock: Path, offset: str) -> None:
    """Set it at once: whoever reads it never finds half of it."""
    new = clock.with_suffix(".new")
    new.write_text(f"{offset}\n")
    new.replace(clock)


def report(drill: Drill) -> str:
    names = ("seconds", "writes", "again", "longest")
    lines = [
        " " * 24
        + "".join(f"{name:>9}" for name in names)
        + f"  {'alert':24}{'seen':>7}{'over':>7}{'figures':>9}"
    ]
    lines += [
        f"{each.fault:24}{each.seconds:9.1f}{each.acknowledged:9,}{each.tried_again:9,}"
        f"{each.longest:9.1f}  {each.alert:24}{each.seen:7.1f}{each.cleared:7.1f}{each.rows:9,}"
        for each in drill.outcomes
    ]
    writes = sum(worker.writes for worker in drill.workers)
    again = sum(worker.tried_again for worker in drill.workers)
    sessions = sum(len(worker.ratings) for worker in drill.workers)
    lines.append(
        f"{writes + again:,} requests, {writes:,} acknowledged, of {sessions:,} sessions:"
        f" 0 lost, 0 doubled, 0 of {sum(each.rows for each in drill.outcomes):,} figures wrong;"
        f" started again by themselves: {drill.engine.started_again or 'none'}"
    )
    return "\n" + "\n".join(lines) + "\n"
