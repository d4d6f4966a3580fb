"""How fast answers are given over HTTP, against ready ones behind the same API, and raw.

    UPSHOT_BENCH_SESSIONS=1000000,10000000 .venv/bin/python tests/bench/bench_answers.py

A ready answer is a row with the very bytes, read by the same process with the same tokens and the
same connections. All that is compared runs in turn, several rounds; the ratios are what to look at.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import psycopg
import uvloop
from apis import HERE, serve
from built import Aim, Built, aim_rows, built, sizes
from history import LARGEST, SQL, change, pick
from rich.console import Console
from rich.progress import track
from rich.table import Table
from team_reads import TeamReads

from ingest.auth import Identity, Role, issue_token
from ingest.settings import read_settings

SIZES = sizes("1000000")
SECONDS = float(os.environ.get("UPSHOT_BENCH_SECONDS", "2"))
ROUNDS = int(os.environ.get("UPSHOT_BENCH_ROUNDS", "3"))
CLIENTS = (1, 16)
MOST_PER_SECOND = 10_000
AFTER_A_CHANGE = 50
"""How often an answer is asked for right after a session has changed."""
ANALYSES = {"naively": 2, "by hand": 5, "by hand, with indexes for it": 5}
"""How often raw is read in each way: what takes long is the same each time."""


@dataclass
class Question:
    """An address, and who asks."""

    path: str
    role: Role


@dataclass
class Measured:
    """Requests per second and milliseconds, a figure a round."""

    per_second: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)


Answers = dict[tuple[str, int, str], Measured]
"""By the question, the number of clients and whose answer it is: Upshot's or a ready one."""


def questions(flow_id: UUID, today: date) -> dict[str, Question]:
    since = today - timedelta(days=89)
    rows = f"/api/v1/marts/daily_outcomes?day_from={since}&limit=1000"
    askers: list[tuple[str, str, Role]] = [
        ("team", "team", "team_admin"),
        ("me", "me", "engineer"),
        ("flow", f"flows/{flow_id}", "engineer"),
    ]
    asked = {
        f"{name} {period}": Question(f"/api/v1/analytics/{path}?period={period}", role)
        for name, path, role in askers
        for period in ("30d", "90d")
    }
    return asked | {"mart, 1,000 rows": Question(rows, "team_admin")}


class Bench:
    """The API over a database with a year of sessions."""

    def __init__(self, history: Built, stack: ExitStack) -> None:
        home = str(history.folder / "home")
        self._settings = read_settings({"UPSHOT_HOME": home})
        self.port, _ = stack.enter_context(serve("ready", url=history.url, home=home))
        self._owner = stack.enter_context(psycopg.connect(history.url, autocommit=True))
        self._owner.execute(SQL["create_ready_http_answers"])
        self.user_id = self._one("select user_id from marts.engineer_leaderboard", "sessions")
        self.flow_id = self._one("select flow_id from marts.flow_leaderboard", "sessions")
        self.questions = questions(
            self.flow_id, self._one("select today from marts.data_freshness", "today")
        )

    def _one(self, select: str, order: str) -> Any:
        where = "where account_id = %s" + (" and period = '90d'" if order == "sessions" else "")
        statement = f"{select} {where} order by {order} desc limit 1"
        row = self._owner.execute(statement.encode(), [LARGEST.account_id]).fetchone()
        assert row is not None
        return row[0]

    def token(self, role: Role) -> str:
        who = Identity(user_id=self.user_id, account_id=LARGEST.account_id, role=role)
        return issue_token(self._settings, who, timedelta(hours=6))

    def keep_ready_answers(self) -> dict[str, int]:
        """Keep every answer as a row; return how long each is."""
        lengths = {}
        for number, (name, question) in enumerate(self.questions.items()):
            headers = {"Authorization": f"Bearer {self.token(question.role)}"}
            answer = httpx.get(
                f"http://127.0.0.1:{self.port}{question.path}", headers=headers, timeout=60
            )
            answer.raise_for_status()
            parameters = {
                "account_id": LARGEST.account_id,
                "number": number,
                "body": answer.text,
            }
            self._owner.execute(SQL["keep_ready_http_answer"], parameters)
            lengths[name] = len(answer.content)
        return lengths

    def ready(self, name: str) -> str:
        """Return the address of the ready answer."""
        return f"/api/v1/ready/{list(self.questions).index(name)}"

    def load(self, path: str, role: Role, clients: int) -> dict[str, Any]:
        done = subprocess.run(
            [
                sys.executable, str(HERE / "client.py"), path, str(self.port), self.token(role),
                str(clients), str(SECONDS), "0", str(int(SECONDS * MOST_PER_SECOND)),
            ],
            capture_output=True, text=True, check=True, timeout=SECONDS + 60,
        )  # fmt: skip
        figures: dict[str, Any] = json.loads(done.stdout)
        assert figures["statuses"].keys() == {"200"}, figures["statuses"]
        return figures

    def after_changes(self, name: str) -> tuple[list[float], list[float]]:
        """Time the first answer after each of some changes, and a ready one each time."""
        question = self.questions[name]
        sessions = pick(self._owner, AFTER_A_CHANGE, days=30, account=LARGEST, seed=7)
        taken: tuple[list[float], list[float]] = ([], [])
        headers = {"Authorization": f"Bearer {self.token(question.role)}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers) as client:
            for session in sessions:
                change(self._owner, [session])
                for each, path in zip(taken, (question.path, self.ready(name)), strict=True):
                    started = time.perf_counter()
                    client.get(path).raise_for_status()
                    each.append(1000 * (time.perf_counter() - started))
        return taken


def main() -> None:
    console = Console(width=110)
    for sessions in SIZES:
        with built(sessions, console) as history:
            answers = measure(history, console)
            raw = uvloop.run(measure_raw(history))
        show_raw(raw, answers, console)
        show_aims(raw, answers, console)


def measure(history: Built, console: Console) -> Answers:
    """Ask, and show what came of it: nothing is pending afterwards."""
    with ExitStack() as stack:
        bench = Bench(history, stack)
        lengths = bench.keep_ready_answers()
        answers = ask(bench, console)
        show(answers, lengths, console)
        show_after_changes(bench, console)
    history.dbt.refresh()
    return answers


def ask(bench: Bench, console: Console) -> Answers:
    measured: Answers = {}
    plan = [
        (name, clients, kind)
        for name in bench.questions
        for clients in CLIENTS
        for kind in ("Upshot", "ready")
    ]
    for _ in range(ROUNDS):
        for case in track(plan, console=console, transient=True):
            name, clients, kind = case
            question = bench.questions[name]
            path = question.path if kind == "Upshot" else bench.ready(name)
            figures = bench.load(path, question.role, clients)
            own = measured.setdefault(case, Measured())
            own.per_second.append(figures["per_second"])
            own.p50.append(figures["p50_ms"])
            own.p99.append(figures["p99_ms"])
    return measured


def show(measured: Answers, lengths: dict[str, int], console: Console) -> None:
    table = Table(
        title=f"answers asked again and again; medians of {ROUNDS} rounds of {SECONDS:g} s",
        title_justify="left",
    )
    for column in (
        "answer", "bytes", "clients", "per s", "ready", "p50 ms", "ready", "p99 ms", "ready",
        "per s / ready", "p50 / ready",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column == "answer" else "right")
    for (name, clients, kind), own in measured.items():
        if kind == "ready":
            continue
        other = measured[name, clients, "ready"]
        pairs = [
            (statistics.median(each), statistics.median(of_other))
            for each, of_other in (
                (own.per_second, other.per_second), (own.p50, other.p50), (own.p99, other.p99),
            )
        ]  # fmt: skip
        table.add_row(
            name, f"{lengths[name]:,}", str(clients),
            f"{pairs[0][0]:,.0f}", f"{pairs[0][1]:,.0f}",
            *(f"{each:.2f}" for pair in pairs[1:] for each in pair),
            f"{pairs[0][0] / pairs[0][1]:.2f}", f"{pairs[1][0] / pairs[1][1]:.2f}",
        )  # fmt: skip
    console.print(table)


def show_after_changes(bench: Bench, console: Console) -> None:
    table = Table(title="the first answer after a session has changed, ms", title_justify="left")
    for column in ("answer", "p50", "ready", "p50 / ready"):
        table.add_column(column, justify="left" if column == "answer" else "right")
    for name in bench.questions:
        own, other = map(statistics.median, bench.after_changes(name))
        table.add_row(name, f"{own:.2f}", f"{other:.2f}", f"{own / other:.1f}")
    console.print(table)


async def measure_raw(history: Built) -> dict[str, float]:
    """Read the team's 90 days from raw, by hand; the last thing, as indexes are made for it.

    Returns:
        Milliseconds, by the way it was read in.
    """
    taken = {}
    async with TeamReads(history.url) as team:
        await team.vacuum()
        right = msgspec.json.decode(await team.raw())
        if msgspec.json.decode(await team.raw_naively()) != right:
            raise RuntimeError("what is read naively is something else")
        for way, times in ANALYSES.items():
            if "indexes" in way:
                await team.index_raw()
            seconds = []
            for _ in range(times):
                started = time.perf_counter()
                await (team.raw_naively() if way == "naively" else team.raw())
                seconds.append(time.perf_counter() - started)
            taken[way] = 1000 * statistics.median(seconds)
    return taken


def show_raw(raw: dict[str, float], answers: Answers, console: Console) -> None:
    answer = statistics.median(answers["team 90d", 1, "Upshot"].p50)
    table = Table(title="the team's 90 days by SQL on raw", title_justify="left")
    for column in ("", "p50 ms", "raw / Upshot over HTTP"):
        table.add_column(column, justify="right" if column else "left")
    for way, p50 in raw.items():
        table.add_row(way, f"{p50:,.0f}", f"{p50 / answer:,.0f}")
    console.print(table)


def show_aims(raw: dict[str, float], answers: Answers, console: Console) -> None:
    answer = statistics.median(answers["team 90d", 1, "Upshot"].p50)
    aims: list[Aim] = [
        ("team 90d: raw naively / Upshot", raw["naively"] / answer, "≥", 1_000, 10_000_000),
        (
            "team 90d: raw with indexes / Upshot",
            raw["by hand, with indexes for it"] / answer, "≥", 100, 1_000_000,
        ),
    ]  # fmt: skip
    for name in dict.fromkeys(name for name, _, _ in answers):
        most = max(CLIENTS)
        own, other = answers[name, most, "Upshot"], answers[name, most, "ready"]
        share = statistics.median(own.per_second) / statistics.median(other.per_second)
        aims.append((f"{name}: per s / ready, {most} clients", share, "≥", 0.5, 10_000_000))
        times = max(
            statistics.median(answers[name, clients, "Upshot"].p50)
            / statistics.median(answers[name, clients, "ready"].p50)
            for clients in CLIENTS
        )
        aims.append((f"{name}: p50 / ready, at its worst", times, "≤", 2, 10_000_000))
    table = Table(title="ratios, and what they are to be", title_justify="left")
    for column in ("", "is", "aim", "at sessions", "met"):
        table.add_column(column, justify="right" if column else "left")
    for row in aim_rows(aims):
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
