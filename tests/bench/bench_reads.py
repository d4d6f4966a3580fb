"""How fast the marts are kept and read, against computing them anew, ready rows and plain SQL.

    UPSHOT_BENCH_SESSIONS=100000,1000000,10000000 .venv/bin/python tests/bench/bench_reads.py

Each size has a server of its own, which is removed afterwards; ten million sessions need some 20 GB
of room for temporary files. All that is compared runs in turn on the same data. The machine
decides about the seconds and milliseconds; the ratios are what to look at.

A live read is checked against raw before it is timed: what is measured is an exact answer.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import uvloop
from built import Built, built, say, sizes, yes
from dbt_runs import Dbt
from history import LARGEST, change, pick
from rich.console import Console
from rich.table import Table
from team_reads import DAYS, TeamReads
from traffic import CHANGES_PER_SECOND, PAUSE_SECONDS, WRITERS, Done, traffic

SIZES = sizes("100000,1000000")
ROUNDS = 5
CHANGED = 1_000
PENDING = (0, 1, 20, 100, 1_000, 10_000)
READINGS = 1_000
READING_SECONDS = 8.0
"""The most readings of one kind, and the most seconds for them: whichever comes first."""
TRAFFIC_SECONDS = 20.0
READS_PER_SECOND = 50

Read = Callable[[], Awaitable[object]]
Seconds = list[float]


async def nothing() -> None:
    pass


@dataclass
class Reading:
    """A read, and what has to be done before each time, which is not timed."""

    read: Read
    prepare: Read = nothing


@dataclass
class Results:
    """What was measured of one size, in seconds."""

    sessions: int
    rebuild: float = 0
    nothing_to_do: Seconds = field(default_factory=list)
    refreshes: dict[str, Seconds] = field(default_factory=dict)
    reads: dict[int, dict[str, Seconds]] = field(default_factory=dict)
    """By the number of pending sessions and the kind of read."""
    under_traffic: dict[str, Seconds] = field(default_factory=dict)
    pending_under_traffic: list[int] = field(default_factory=list)
    done: Done = field(default_factory=Done)
    at_the_end: dict[str, Seconds] = field(default_factory=dict)

    def ratio(self, pending: int, kind: str, other: str) -> float:
        """How many times as long the one takes as the other."""
        return p50(self.reads[pending][kind]) / p50(self.reads[pending][other])


def p50(seconds: Seconds) -> float:
    return sorted(seconds)[len(seconds) // 2]


def p99(seconds: Seconds) -> float:
    """Of fewer than a hundred, the slowest."""
    return sorted(seconds)[int(len(seconds) * 0.99)]


def main() -> None:
    console = Console()
    check_sizes()
    results = []
    for sessions in SIZES:
        with built(sessions, console) as history:
            results.append(measure(history, console))
            uvloop.run(measure_raw_with_index(results[-1], history.url))
        show(results[-1], console)
    show_growth(results, console)
    show_aims(results, console)


def check_sizes() -> None:
    """Stop where there would be too few sessions to change."""
    if min(SIZES) * LARGEST.percent < 100 * PENDING[-1]:
        raise SystemExit(f"The largest account needs {PENDING[-1]:,} sessions: 100,000 in all do.")


def measure(history: Built, console: Console) -> Results:
    """Measure all but what needs indexes that are not there: nothing is pending afterwards."""
    url, dbt = history.url, history.dbt
    results = Results(history.sessions, history.rebuild)
    with psycopg.connect(url, autocommit=True) as connection:
        measure_refreshes(results, dbt, connection)
        say(console, "refreshed")
        uvloop.run(measure_reads(results, url, connection))
        say(console, "read")
        # Nothing is pending when the traffic starts.
        name = f"{PENDING[-1]:,} of the largest account"
        results.refreshes[name] = [dbt.refresh()]
        uvloop.run(measure_under_traffic(results, url, history.folder))
    # What comes after the traffic, with all of it taken in.
    dbt.refresh()
    return results


def measure_refreshes(results: Results, dbt: Dbt, connection: psycopg.Connection[Any]) -> None:
    """Refresh with nothing to do, which is dbt's own time, and after changes."""
    for round_ in range(ROUNDS):
        results.nothing_to_do.append(dbt.refresh())
        for name, days in (("recent", 1), ("spread over the year", 365)):
            change(connection, pick(connection, CHANGED, days=days, seed=round_))
            seconds = dbt.refresh()
            results.refreshes.setdefault(f"{CHANGED:,} {name}", []).append(seconds)


async def measure_reads(results: Results, url: str, connection: psycopg.Connection[Any]) -> None:
    """Read in every way, with more and more sessions of the account changed meanwhile."""
    sessions = pick(connection, PENDING[-1], days=DAYS, account=LARGEST, seed=1)
    async with TeamReads(url) as team:
        await team.keep_ready_answer()
        before = 0
        for pending in PENDING:
            reads = {"ready row": Reading(team.ready), "raw": Reading(team.raw)}
            if pending == 0:
                reads["live"] = Reading(team.live)
                reads["live, nothing kept"] = Reading(team.live_anew)
            else:
                change(connection, sessions[before : pending - 1])
                await team.read_before()
                change(connection, sessions[pending - 1 : pending])
                # By a process that did not read before, as after a start or a refresh; by one
                # that did, each time as if the last session had just changed; then as if none had.
                reads["live"] = Reading(team.live_cold, team.know_nothing_pending)
                reads["live, read before"] = Reading(team.live_warm, team.know_what_was_read_before)
                reads["live, again"] = Reading(team.live)
            before = pending
            assert await team.pending() == pending
            await team.check()
            results.reads[pending] = await in_turn(reads)


async def in_turn(reads: dict[str, Reading]) -> dict[str, Seconds]:
    """Time every read in several rounds: what disturbs the machine disturbs them alike."""
    taken: dict[str, Seconds] = {name: [] for name in reads}
    for _ in range(ROUNDS):
        for name, read in reads.items():
            taken[name] += await repeatedly(read)
    return taken


async def repeatedly(reading: Reading) -> Seconds:
    # Not the first after another kind of read, which finds the caches full of that.
    await reading.read()
    taken: Seconds = []
    until = time.perf_counter() + READING_SECONDS / ROUNDS
    while len(taken) < READINGS // ROUNDS and (not taken or time.perf_counter() < until):
        await reading.prepare()
        taken.append(await timed(reading.read))
    return taken


async def timed(read: Read) -> float:
    started = time.perf_counter()
    await read()
    return time.perf_counter() - started


async def measure_under_traffic(results: Results, url: str, folder: Path) -> None:
    """Read at a steady rate, while writers write and a refresher refreshes."""
    async with TeamReads(url) as team:
        with traffic(url, folder) as results.done:
            started = due = time.perf_counter()
            asked_at = 0.0
            while (now := time.perf_counter()) < started + TRAFFIC_SECONDS:
                if now >= asked_at + 1:
                    asked_at = now
                    results.pending_under_traffic.append(await team.pending())
                for name, read in (("live", team.live), ("ready row", team.ready)):
                    results.under_traffic.setdefault(name, []).append(await timed(read))
                # Who has fallen behind does not catch up in a burst.
                due = max(due + 1 / READS_PER_SECOND, time.perf_counter())
                await asyncio.sleep(due - time.perf_counter())
        assert results.done.changes_per_second > 0, "nothing was written"
        assert results.done.refreshes, "nothing was refreshed"
        await team.check()


async def measure_raw_with_index(results: Results, url: str) -> None:
    """Last, as the index would be in the way of the writers and at the service of the marts."""
    async with TeamReads(url) as team:
        for name, prepare in (("raw", team.vacuum), ("raw with indexes for it", team.index_raw)):
            await prepare()
            results.at_the_end |= {name: (await in_turn({name: Reading(team.raw)}))[name]}


def show(results: Results, console: Console) -> None:
    console.print(refresh_table(results))
    console.print(read_table(results))
    done = results.done
    console.print(
        f"In traffic: {WRITERS} writers made {done.changes_per_second:.0f} changes/s "
        f"(asked for {CHANGES_PER_SECOND}), {len(done.refreshes)} refreshes took "
        f"{statistics.median(done.refreshes):.2f} s (at most {max(done.refreshes):.2f} s) "
        f"with {PAUSE_SECONDS:g} s between, up to {max(results.pending_under_traffic)} sessions "
        "of the account were pending.\n"
    )


def refresh_table(results: Results) -> Table:
    table = new_table(f"{results.sessions:,} sessions: keeping the marts, seconds")
    for column in ("", "median", "least", "most", "rebuild / this", "without dbt's own time"):
        table.add_column(column, justify="right" if column else "left")
    own = statistics.median(results.nothing_to_do)
    table.add_row("rebuild of everything", *(f"{results.rebuild:.2f}",) * 3, "1", "1")
    table.add_row("refresh with nothing to do: dbt's own time", *spread(results.nothing_to_do))
    for name, seconds in results.refreshes.items():
        median = statistics.median(seconds)
        table.add_row(
            f"refresh after {name}",
            *spread(seconds),
            f"{results.rebuild / median:,.0f}",
            f"{without(own, results.rebuild) / without(own, median):,.0f}",
        )
    return table


def without(own: float, seconds: float) -> float:
    """What is left of it beside dbt's own time, which varies by a millisecond or two."""
    return max(seconds - own, 0.001)


def spread(seconds: Seconds) -> list[str]:
    return [f"{each:.2f}" for each in (statistics.median(seconds), min(seconds), max(seconds))]


def read_table(results: Results) -> Table:
    table = new_table(f"{results.sessions:,} sessions: the team's {DAYS} days, milliseconds")
    table.caption = "p99 of fewer than a hundred readings is the slowest"
    for column in (
        "pending", "read", "readings", "p50", "p99", "live / this",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column == "read" else "right")
    for pending, reads in results.reads.items():
        add_reads(table, f"{pending:,}", reads)
        table.add_section()
    add_reads(table, "in traffic", results.under_traffic)
    table.add_section()
    add_reads(table, "at the end", results.at_the_end)
    return table


def add_reads(table: Table, pending: str, reads: dict[str, Seconds]) -> None:
    for name, seconds in reads.items():
        ratio = f"{p50(reads['live']) / p50(seconds):.2f}" if "live" in reads else ""
        table.add_row(
            pending, name, f"{len(seconds):,}",
            f"{1000 * p50(seconds):.2f}", f"{1000 * p99(seconds):.2f}", ratio,
        )  # fmt: skip


def new_table(title: str) -> Table:
    return Table(title=title, title_justify="left")


def show_growth(all_results: Sequence[Results], console: Console) -> None:
    """Whether the live read stays as it is while the data grows."""
    table = new_table("the live read as the data grows, p50 in milliseconds")
    table.add_column("pending", justify="right")
    for results in all_results:
        table.add_column(f"{results.sessions:,}", justify="right")
    table.add_column("last / first", justify="right")
    for pending in PENDING:
        live = [p50(results.reads[pending]["live"]) for results in all_results]
        table.add_row(
            f"{pending:,}", *(f"{1000 * each:.2f}" for each in live), f"{live[-1] / live[0]:.2f}"
        )
    console.print(table)


def show_aims(all_results: Sequence[Results], console: Console) -> None:
    """What was aimed at with ten million sessions, and how far the largest size got."""
    results = all_results[-1]
    table = new_table(f"ratios at {results.sessions:,} sessions; the aims are for 10,000,000")
    for column in ("", "is", "aim", "met"):
        table.add_column(column, justify="right" if column else "left")
    for name, aim in ((f"{CHANGED:,} recent", 500), (f"{CHANGED:,} spread over the year", 150)):
        ratio = results.rebuild / statistics.median(results.refreshes[name])
        table.add_row(
            f"rebuild / refresh after {name}", f"{ratio:,.0f}", f"≥ {aim}", yes(met=ratio >= aim)
        )
    for pending, aim in ((0, 3), (20, 10), (100, 20)):
        for kind in ("live", "live, read before"):
            if kind not in results.reads[pending]:
                continue
            ratio = results.ratio(pending, kind, "ready row")
            table.add_row(
                f"{kind} / ready row, {pending} pending",
                f"{ratio:.1f}",
                f"≤ {aim}",
                yes(met=ratio <= aim),
            )
    worst = max(
        each.ratio(pending, "live", "raw") for each in all_results for pending in each.reads
    )
    table.add_row(
        "live / raw, at its worst of all sizes", f"{worst:.3f}", "≤ 1", yes(met=worst <= 1)
    )
    console.print(table)


if __name__ == "__main__":
    main()
