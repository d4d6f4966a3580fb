"""A database with a year of sessions and every mart built: made once, measured by several."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from dbt_runs import Dbt
from history import ACCOUNTS, LARGEST, SQL, WITH_STEPS, change, fill, pick
from rich.console import Console
from scratch_server import scratch_server


@dataclass(frozen=True)
class Built:
    sessions: int
    url: str
    folder: Path
    """For what goes with the database; it is removed with it."""
    dbt: Dbt
    rebuild: float
    """Seconds that building the marts took."""


def sizes(default: str) -> list[int]:
    """Return how many sessions to measure with, as the environment has it."""
    return [int(size) for size in os.environ.get("UPSHOT_BENCH_SESSIONS", default).split(",")]


@contextmanager
def built(sessions: int, console: Console) -> Iterator[Built]:
    """Yield it, with nothing pending; it is gone afterwards."""
    console.rule(f"{sessions:,} sessions")
    with scratch_server(console) as (url, folder):
        started = time.perf_counter()
        fill(url, sessions, console)
        say(
            console,
            f"{len(ACCOUNTS)} accounts, {LARGEST.percent} % of the sessions in the largest, "
            f"visits and a vote for {WITH_STEPS:.0%} of them; "
            f"filled in {time.perf_counter() - started:.0f} s",
        )
        dbt = Dbt(url, folder)
        rebuild = dbt.rebuild()
        say(console, f"rebuilt in {rebuild:.1f} s")
        with psycopg.connect(url, autocommit=True) as connection:
            # A refresh has seen the account, as it has seen every one that sent something.
            change(connection, pick(connection, 1, days=365, account=LARGEST, seed=0))
            room = connection.execute(SQL["sizes_by_schema"]).fetchall()
        dbt.refresh()
        for schema, size in room:
            per_million = size / sessions * 1_000_000
            say(console, f"{schema}: {size / 1e9:.2f} GB, {per_million / 1e9:.2f} GB per million")
        yield Built(sessions, url, folder, dbt, rebuild)


def say(console: Console, line: str) -> None:
    console.print(f"{time.strftime('%H:%M:%S')} {line}")


def yes(*, met: bool) -> str:
    return "yes" if met else "no"


Aim = tuple[str, float, str, float, int]
"""What is aimed at: of what, what it is, whether that is to be at least or at most ..., what it is
to be, and with how many sessions."""


def aim_rows(aims: Sequence[Aim]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield what a table shows of each aim."""
    for name, is_, sign, aim, sessions in aims:
        met = is_ >= aim if sign == "≥" else is_ <= aim
        figure = f"{is_:,.0f}" if aim >= 10 else f"{is_:.2f}"
        yield name, figure, f"{sign} {aim:g}", f"{sessions:,}", yes(met=met)
