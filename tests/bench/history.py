"""A year of an invented company's sessions, written to raw by SQL, and how sessions change.

Everything but the moment it ends at is the same each time: what looks random is a hash.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid5

import psycopg
from rich.console import Console
from rich.progress import track

SQL = {path.stem: path.read_bytes() for path in (Path(__file__).parent / "sql").glob("*.sql")}

NAMESPACE = UUID("6f6e6465-7220-6865-7265-206c69657321")
SESSIONS_AT_ONCE = 250_000
WITH_STEPS = 0.05
"""The share of the sessions that have visits and a vote; visits are four each."""

T = TypeVar("T")
Session = tuple[UUID, UUID]
"""An account and its session."""


@dataclass(frozen=True)
class Account:
    name: str
    time_zone: str
    percent: int
    flows: int
    engineers: int

    @property
    def account_id(self) -> UUID:
        return uuid5(NAMESPACE, self.name)


LARGEST = Account("Account 1", "America/New_York", percent=17, flows=50, engineers=200)
ACCOUNTS = [LARGEST] + [
    Account(f"Account {number}", time_zone, percent, flows=10 + percent, engineers=10 * percent)
    for number, (percent, time_zone) in enumerate(
        [
            (10, "Europe/Berlin"), (8, "Asia/Kolkata"), (7, "America/Los_Angeles"),
            (6, "Australia/Sydney"), (6, "Europe/London"), (5, "America/Sao_Paulo"),
            (5, "Asia/Tokyo"), (5, "Pacific/Auckland"), (4, "Europe/Madrid"),
            (4, "America/Chicago"), (4, "Asia/Kathmandu"), (4, "Africa/Lagos"),
            (3, "America/St_Johns"), (3, "Asia/Singapore"), (3, "Europe/Warsaw"),
            (2, "America/Denver"), (2, "Australia/Adelaide"), (1, "UTC"), (1, "Pacific/Chatham"),
        ],
        start=2,
    )
]  # fmt: skip


def fill(url: str, sessions: int, console: Console) -> None:
    """Fill an empty, migrated database with that many sessions of a year that ends now."""
    until = datetime.now(UTC)
    # One for each percent; shuffled, or each account would have its own hours.
    slots = [account.account_id for account in ACCOUNTS for _ in range(account.percent)]
    assert len(slots) == 100
    random.Random(0).shuffle(slots)
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute(SQL["history_chance"])
        connection.execute(
            SQL["history_directory"],
            {
                "account_ids": [account.account_id for account in ACCOUNTS],
                "names": [account.name for account in ACCOUNTS],
                "time_zones": [account.time_zone for account in ACCOUNTS],
                "flows": [account.flows for account in ACCOUNTS],
                "engineers": [account.engineers for account in ACCOUNTS],
                "until": until,
            },
        )
        for first in _shown(range(1, sessions + 1, SESSIONS_AT_ONCE), "sessions", console):
            connection.execute(
                SQL["history_sessions"],
                {
                    "first": first,
                    "last": min(first + SESSIONS_AT_ONCE - 1, sessions),
                    "sessions": sessions,
                    "slots": slots,
                    "until": until,
                },
            )
        for statement in _shown(
            ("history_ratings", "history_visits", "history_votes"), "what came of them", console
        ):
            connection.execute(SQL[statement], {"until": until, "share": WITH_STEPS})
        connection.execute("vacuum (analyze)")
        connection.execute("checkpoint")


def _shown(steps: Sequence[T], label: str, console: Console) -> Iterable[T]:
    return track(steps, label, console=console, transient=True, disable=not console.is_terminal)


def pick(
    connection: psycopg.Connection[Any],
    most: int,
    *,
    days: float,
    account: Account | None = None,
    seed: int = 0,
) -> list[Session]:
    """Return sessions of the last days, or the newest where those days have too few."""
    return connection.execute(
        SQL["pick_sessions"],
        {
            "account_id": account.account_id if account else None,
            "since": datetime.now(UTC) - timedelta(days=days),
            "seed": seed,
            "most": most,
        },
    ).fetchall()


def change(connection: psycopg.Connection[Any], sessions: Sequence[Session]) -> None:
    """Complete, rate or correct each of the sessions, with a row each in the change log."""
    connection.execute(
        SQL["change_sessions"],
        {
            "account_ids": [account_id for account_id, _ in sessions],
            "session_ids": [session_id for _, session_id in sessions],
            "now": datetime.now(UTC),
        },
    )
