"""Every snapshot is exact, whoever writes, refreshes, rebuilds and is killed meanwhile.

It takes 20 seconds, or as many seconds as UPSHOT_SOAK_SECONDS says.
"""

import logging
import os
import random
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest
import refresh_lock
from conftest import Api, Serve
from dbt_processes import start_dbt
from exactness import compare, snapshot, unsettled
from lock_waits import waits_for_a_lock
from psycopg.errors import DeadlockDetected
from psycopg.rows import namedtuple_row
from retrying_clients import Client
from rounding import average, average_minutes, rate
from watcher import watching
from writers import OUTCOMES, World, Writer, ask_again

from ingest.refresh import refresh
from ingest.settings import Settings

SECONDS = float(os.environ.get("UPSHOT_SOAK_SECONDS") or 20)
ACCOUNTS = 3
MOST_SESSIONS = 150
WRITERS = 3
PAUSE = 0.1

COMMANDS = {
    "full refreshes": ["run", "--full-refresh"],
    "refreshes by dbt's command": ["run-operation", "refresh"],
    "full builds": ["build", "--full-refresh", "--exclude-resource-type=unit_test"],
}
FAILURES = {"failures of the watcher", *(f"{each} that failed" for each in COMMANDS)}

KILLED = (
    "terminating connection due to administrator command",
    "server closed the connection unexpectedly",
    "connection already closed",
    "the connection is closed",
)
"""How a program says that its connection was ended."""

VOTES = ("helpful_yes", "helpful_no")
VISITS = ("visits", "entries", "completions", "drop_offs")

WINDOW = {"from": "2024-01-01", "to": "2027-01-01"}
"""Whatever is written lies in between."""

MARK = """
    select tableoid, ctid, xmin::text, session_id from raw.sessions
    where account_id = %(account_id)s
    union all
    select tableoid, ctid, xmin::text, session_id from raw.session_ratings
    where account_id = %(account_id)s
    union all
    select tableoid, ctid, xmin::text, session_id from raw.step_feedback
    where account_id = %(account_id)s
    union all
    select tableoid, ctid, xmin::text, session_id from raw.step_visits
    where account_id = %(account_id)s
    union all
    select tableoid, ctid, xmin::text, account_id from raw.accounts
    where account_id = %(account_id)s
    union all
    select tableoid, ctid, xmin::text, null from raw.tombstones
    where account_id = %(account_id)s
    order by 1, 2
"""
"""The versions of all rows of an account that figures are made of, and what deleted ones leave."""


class Tally:
    """What came to pass."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.versions: set[frozenset[UUID]] = set()
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def add(self, name: str, number: int = 1) -> None:
        with self._lock:
            self.counts[name] += number

    def __str__(self) -> str:
        return "\n".join(f"{number:>12,} {name}" for name, number in sorted(self.counts.items()))


@pytest.fixture
def quiet() -> Iterator[None]:
    """No logs: every refusal is one, and pytest would keep them all."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def soaked(serve_module: Serve, new_live_settings: Callable[[], Settings]) -> Api:
    """The API on a database of this module's own with live marts."""
    settings = new_live_settings()
    return Api(serve_module(settings), settings)


@pytest.mark.usefixtures("quiet")
def test_every_snapshot_is_exact(
    soaked: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = str(soaked.settings.database_url)
    # What is parsed already, for everyone who starts: parsing takes longer than refreshing.
    parsed = soaked.settings.home / "dbt" / "target"
    shutil.copytree(parsed, tmp_path / "target")
    shutil.copytree(parsed, tmp_path / "watch" / "dbt" / "target")
    tally, ended = Tally(), threading.Event()
    worlds = [World(soaked.of(uuid4()), most_sessions=MOST_SESSIONS) for _ in range(ACCOUNTS)]
    writers = [Writer(worlds, seed) for seed in range(WRITERS)]
    with ThreadPoolExecutor(16) as threads, watching(url, tmp_path / "watch", heard_by(tally)):
        running: list[Future[None]] = [
            threads.submit(writer.write_until, ended, pause=PAUSE) for writer in writers
        ]
        running += [
            threads.submit(run_dbt_processes, url, tmp_path / "target", tally, ended),
            threads.submit(kill_refreshes, url, tally, ended),
            threads.submit(kill_writers, url, tally, ended),
            threads.submit(check_snapshots, url, tally, ended),
            threads.submit(check_api, url, worlds, tally, ended),
        ]
        # On a busy machine the short form may take longer to see all that it is about.
        until = time.monotonic() + SECONDS
        while time.monotonic() < until or (missing(tally) and time.monotonic() < until + 120):
            done = wait(running, timeout=0.5, return_when=FIRST_EXCEPTION).done
            if any(each.exception() for each in done):
                break
            # One that has ended well is waited for no more.
            time.sleep(0.5 if done else 0)
        ended.set()
        for each in running:
            each.result()

    # Nobody writes any more: a last refresh leaves nothing to do.
    refresh(soaked.settings, url)
    with snapshot(url) as connection:
        tally.wrong += [*unsettled(connection), *compare(connection).wrong]
    tally.add("versions of what is stored were seen", len(tally.versions))
    for writer in writers:
        tally.add("requests were put off", writer.put_off)
        for kind, number in writer.done.items():
            tally.add(f"writes: {kind}", number)
    tally.add("writes in all", sum(sum(writer.done.values()) for writer in writers))
    tally.add("wrong", len(tally.wrong))
    with capsys.disabled():
        sys.stderr.write(f"\n{SECONDS:.0f} seconds of soak:\n{tally}\n")

    assert tally.wrong[:5] == []
    # Or it shows nothing.
    assert missing(tally) == []
    failures = sum(number for name, number in tally.counts.items() if name in FAILURES)
    assert failures <= tally.counts["refreshes killed"]
    kinds = {kind for writer in writers for kind in writer.done}
    assert len(kinds) == 13, kinds


def missing(tally: Tally) -> list[str]:
    """Return what has not come to pass, without which nothing is shown."""
    needed = {
        "refreshes by the watcher": 2,
        "refreshes by dbt's command": 1,
        "full refreshes": 1,
        "refreshes killed": 2,
        "connections of the API killed": 10,
        "snapshots compared": 10,
        "answers of the API compared": 10,
    }
    lacking = [name for name, least in needed.items() if tally.counts[name] < least]
    return lacking + (["refreshes seen"] if len(tally.versions) < 3 else [])


# --- refreshers ----------------------------------------------------------------------------------


def heard_by(tally: Tally) -> Callable[[str], None]:
    """Return what counts the lines that the watcher says."""

    def hear(line: str) -> None:
        if line.startswith("refreshed in"):
            tally.add("refreshes by the watcher")
        elif line.startswith("dbt failed at") or any(each in line for each in KILLED):
            tally.add("failures of the watcher")
        else:
            tally.wrong.append(f"the watcher: {line}")

    return hear


def run_dbt_processes(url: str, target: Path, tally: Tally, ended: threading.Event) -> None:
    """Refresh and rebuild by dbt's own command, time and again."""
    while not ended.is_set():
        for kind, arguments in COMMANDS.items():
            if ended.wait(random.uniform(0, 1)):
                return
            process = start_dbt(*arguments, url=url, target=target)
            while process.poll() is None and not ended.wait(0.05):
                pass
            if process.poll() is None:
                process.kill()
                process.communicate()
                return
            said, _ = process.communicate()
            if process.returncode == 0:
                tally.add(kind)
            elif any(each in said for each in KILLED):
                tally.add(f"{kind} that failed")
            else:
                tally.wrong.append(said)


# --- killers -------------------------------------------------------------------------------------


def kill_refreshes(url: str, tally: Tally, ended: threading.Event) -> None:
    """End the connection of a refresh or rebuild somewhere in its transaction."""
    until = time.monotonic() + SECONDS
    with psycopg.connect(url, autocommit=True, application_name="killer") as connection:
        while not ended.wait(random.uniform(4, 12)):
            if time.monotonic() > until and tally.counts["refreshes killed"] >= 2:
                # What is waited for now is that others succeed.
                return
            holder = None
            while holder is None and not ended.wait(0.001):
                holder = connection.execute(refresh_lock.HOLDER).fetchone()
            if holder is not None:
                time.sleep(random.uniform(0, 0.1))
                # If it is done meanwhile, somebody else will be hit, or nobody.
                killed = connection.execute(
                    f"select pg_terminate_backend(pid) from ({refresh_lock.HOLDER}) as refresh"
                    " where pid = %s".encode(),
                    holder,
                ).fetchone()
                if killed == (True,):
                    tally.add("refreshes killed")


def kill_writers(url: str, tally: Tally, ended: threading.Event) -> None:
    """End a connection of the API, while it works if one does."""
    with psycopg.connect(url, autocommit=True, application_name="killer") as connection:
        while not ended.wait(random.uniform(0, 1)):
            killed = connection.execute(
                "select pg_terminate_backend(pid) from ("
                "  select pid from pg_stat_activity"
                "  where datname = current_database() and application_name = 'upshot'"
                "  order by state = 'idle', random() limit 1) as busiest"
            ).fetchone()
            if killed == (True,):
                tally.add("connections of the API killed")


# --- checkers ------------------------------------------------------------------------------------


def check_snapshots(url: str, tally: Tally, ended: threading.Event) -> None:
    """Compare everything in one snapshot after the other."""
    while not ended.is_set():
        try:
            with snapshot(url) as connection:
                seen = compare(connection)
        except DeadlockDetected:
            # With a full refresh, which replaces the views.
            tally.add("deadlocks of a checker")
            continue
        tally.wrong += seen.wrong
        tally.versions.add(seen.version)
        tally.add("snapshots compared")
        tally.add("rows compared", seen.rows)


def check_api(url: str, worlds: list[World], tally: Tally, ended: threading.Event) -> None:
    """Compare what the API answers with raw: of an account that was the same before and after."""
    while not ended.is_set():
        world = random.choice(worlds)
        before = truth(url, world.api.account_id)
        user_id, flow_id = random.choice(world.users), random.choice(world.flows)
        questions: list[tuple[str, Truth, dict[str, Any]]] = [
            ("/analytics/team", before, {"role": "team_admin"}),
            ("/analytics/me", before.of(user_id=user_id), {"user_id": user_id}),
            (f"/analytics/flows/{flow_id}", before.of(flow_id=flow_id), {}),
        ]
        path, expected, who = random.choice(questions)
        answer = ask(world.api, path, tally, **who)
        if answer is None:
            assert not expected.facts or truth(url, world.api.account_id).mark != before.mark
            continue
        tally.wrong += disagreements(answer)
        tally.add("answers of the API that were added up")
        if truth(url, world.api.account_id).mark == before.mark:
            tally.add("answers of the API compared")
            tally.add(
                "answers of the API compared, with changes pending", answer["meta"]["pending"] > 0
            )
            wanted = expected.answer(answer)
            if any(answer[part] != wanted[part] for part in wanted):
                tally.wrong.append(f"{path}: {answer} is not {wanted}")


def ask(api: Api, path: str, tally: Tally, **who: Any) -> dict[str, Any] | None:
    """Ask until there is an answer: connections are being killed."""
    while (answer := ask_again(api, "GET", path, params=WINDOW, **who)).status_code == 503:
        tally.add(f"reads put off: {answer.json()['detail']}")
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def disagreements(answer: dict[str, Any]) -> list[str]:
    """Return what one answer says in two ways. No account has more flows than are shown."""
    summary = answer["summary"]
    return [
        f"{part} do not sum to the summary: {answer}"
        for part in ("time_series", "top_flows", "top_engineers")
        if part in answer
        and sum(row["sessions"] for row in answer[part]) != summary["total_sessions"]
    ]


class Truth(NamedTuple):
    """What raw says of an account, or of a part of it."""

    rows: dict[str, list[Any]]
    """By model."""
    mark: Any
    """Another one after any write."""

    @property
    def facts(self) -> list[Any]:
        return self.rows["facts"]

    def of(self, **subject: UUID) -> "Truth":
        ((name, value),) = subject.items()
        parts = {
            model: [row for row in rows if getattr(row, name, None) == value]
            for model, rows in self.rows.items()
        }
        return Truth(parts, self.mark)

    def answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the parts of the answer in which there are figures, as they should be."""
        days = {date.fromisoformat(day["date"]): day for day in answer["time_series"]}
        own = {day: self._sums(row for row in self.facts if row.day == day) for day in days}
        parts: dict[str, Any] = {
            "summary": answer["summary"] | self._summary(),
            "time_series": [
                row
                | {"sessions": own[day]["sessions"], "completed": own[day]["completed"]}
                | {name: own[day][name] for name in OUTCOMES}
                | {"ratings": sum(fact.rating_day == day for fact in self.facts)}
                for day, row in days.items()
            ],
        }
        for part, key, name in (
            ("top_flows", "tree_id", "flow_id"),
            ("top_engineers", "user_id", "user_id"),
        ):
            if part in answer:
                # In the order in which they are: names decide it, too.
                wanted = Counter(str(getattr(row, name)) for row in self.facts)
                shown = [str(row[key]) for row in answer[part]]
                assert sorted(shown, key=lambda each: -wanted[each]) == shown
                parts[part] = [
                    row | {"sessions": wanted.pop(str(row[key]), 0)} for row in answer[part]
                ] + [{"missing": each} for each in wanted]
        if "total_ratings" in answer:
            ratings = sum(row.ratings for row in self.facts)
            parts["total_ratings"] = ratings
            parts["avg_csat"] = average(sum(row.rating_points for row in self.facts), ratings)
            steps = sums(self.rows["step_vote_facts"], ("step_id",), VOTES)
            steps |= sums(self.rows["step_visit_facts"], ("step_id",), VISITS)
            parts["step_feedback"] = [
                step | {name: steps[step["node_id"], name] for name in VOTES}
                for step in answer["step_feedback"]
            ]
            assert {step_id for step_id, _ in +steps} <= {row["step_id"] for row in answer["steps"]}
            parts["steps"] = [
                step | {name: steps[step["step_id"], name] for name in VOTES + VISITS}
                for step in answer["steps"]
            ]
            edges = sums(self.rows["step_edge_facts"], ("step_id", "next_step_id"), ("passes",))
            parts["edges"] = [
                edge | {"passes": edges.pop((edge["step_id"], edge["next_step_id"], "passes"), 0)}
                for edge in answer["edges"]
            ] + [{"missing": each} for each in edges]
        return parts

    def _summary(self) -> dict[str, Any]:
        sums = self._sums(self.facts)
        completed, microseconds = sums["completed"], sums["duration_microseconds"]
        return {
            "total_sessions": sums["sessions"],
            "completed_sessions": completed,
            "completion_rate": rate(completed, sums["sessions"]),
            "avg_duration_minutes": average_minutes(microseconds, completed),
            "outcome_breakdown": {name: sums[name] for name in OUTCOMES},
            "total_ratings": sum(row.ratings for row in self.facts),
            "csat_distribution": {
                f"rating_{stars}": sum(row.rating_points == stars for row in self.facts)
                for stars in range(1, 6)
            },
        }

    def _sums(self, rows: Iterable[Any]) -> Counter[str]:
        sums = Counter[str]()
        for row in rows:
            for name in ("sessions", "completed", "duration_microseconds", *OUTCOMES):
                sums[name] += getattr(row, name)
        return sums


def sums(
    rows: Iterable[Any], key: Iterable[str], measures: Iterable[str]
) -> Counter[tuple[str, ...]]:
    """Return the sum of each measure by the columns of the key and the measure's name."""
    found = Counter[tuple[str, ...]]()
    for row in rows:
        for name in measures:
            found[*(getattr(row, column) for column in key), name] += getattr(row, name)
    return found


def truth(url: str, account_id: UUID) -> Truth:
    with snapshot(url) as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        statement = "select * from live.{}__recomputed where account_id = %s"
        return Truth(
            {
                model: cursor.execute(statement.format(model).encode(), [account_id]).fetchall()
                for model in ("facts", "step_vote_facts", "step_visit_facts", "step_edge_facts")
            },
            cursor.execute(MARK, {"account_id": account_id}).fetchall(),
        )


# --- the wrong way -------------------------------------------------------------------------------

KEEP_A_SET = """
    create unique index changes_are_a_set on raw.changes (account_id, session_id)
    nulls not distinct;
    create function raw.keep_a_set() returns trigger language plpgsql as $$
    begin
        if pg_trigger_depth() > 1 then
            return new;
        end if;
        insert into raw.changes (account_id, session_id, received_at)
        values (new.account_id, new.session_id, new.received_at)
        on conflict (account_id, session_id) do nothing;
        return null;
    end $$;
    create trigger keep_a_set before insert on raw.changes
    for each row execute function raw.keep_a_set();
"""

KEEP_A_LOG = """
    drop trigger keep_a_set on raw.changes;
    drop function raw.keep_a_set;
    drop index raw.changes_are_a_set
"""


def wrong_after_a_change_during_a_refresh(api: Api) -> list[str]:
    """Change a session again while a refresh that noted it is under way; return what is wrong."""
    url = str(api.settings.database_url)
    # Tries again: a connection that was killed while it was idle is found when it is used.
    client, session_id = Client(api, seed=0), str(uuid4())
    body = {"session_id": session_id, "flow_id": str(uuid4())}
    client.expect(client.ask("POST", "/sessions", body), 201)
    with ThreadPoolExecutor() as threads, psycopg.connect(url, autocommit=True) as watching:
        with psycopg.connect(url) as holding:
            # Whoever only reads passes: a refresh stops when it has read and is to store.
            holding.execute("lock table live.facts__stored in share mode")
            refreshing = threads.submit(refresh, api.settings, url)
            while not waits_for_a_lock(watching):
                assert not refreshing.done()
                time.sleep(0.01)
            path = f"/sessions/{session_id}/complete"
            client.expect(client.ask("POST", path, {"outcome": "resolved"}), 200)
            holding.rollback()
        refreshing.result()
    with snapshot(url) as connection:
        return compare(connection).wrong


def test_a_change_that_arrives_during_a_refresh_is_kept(soaked: Api) -> None:
    for _ in range(2):
        assert wrong_after_a_change_during_a_refresh(soaked) == []


def test_a_set_of_pending_keys_is_found(soaked: Api) -> None:
    """Negative control: the change is taken for the one that the refresh noted."""
    url = str(soaked.settings.database_url)
    api = soaked.of(uuid4())
    refresh(soaked.settings, url)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(KEEP_A_SET)
        wrong = wrong_after_a_change_during_a_refresh(api)
        owner.execute(KEEP_A_LOG)
        owner.execute(
            "insert into raw.changes (account_id, received_at) values (%s, now())",
            [api.account_id],
        )
    assert any(each.startswith('"marts"."facts"') for each in wrong)
    assert any(each.startswith('"marts"."account_days"') for each in wrong)
    refresh(soaked.settings, url)
    with snapshot(url) as connection:
        assert compare(connection).wrong == []
