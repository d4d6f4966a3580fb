"""The real incident log: where it is, and what it leaves in the raw tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from conftest import REPOSITORY

ACCOUNT = UUID("a46fc840-ccef-558c-a2c7-b8282300c470")
TABLES = {
    "accounts": "account_id",
    "users": "user_id",
    "flows": "flow_id",
    "flow_steps": "flow_id, step_id",
    "sessions": "session_id",
    "step_visits": "session_id, step_id, visited_at",
    "session_ratings": "session_id",
    "step_feedback": "session_id, step_id, user_id",
    "events": "event_id",
}


def data_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of the real data, which is not part of the repository."""
    named = environ.get("UPSHOT_REAL_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not (folder / "incident_event_log.csv").is_file():
        raise FileNotFoundError(
            f"no incident_event_log.csv in {folder}: get the data set “Incident management process "
            "enriched event log” from the UCI Machine Learning Repository (CC BY 4.0) and let "
            "UPSHOT_REAL_DATA name the folder that has it"
        )
    return folder


def raw_rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every raw row, but for when we received it."""
    found = {}
    with psycopg.connect(url) as connection:
        for table, key in TABLES.items():
            cursor = connection.execute(f"select * from raw.{table} order by {key}".encode())
            kept = [
                index
                for index, column in enumerate(cursor.description or ())
                if not column.name.endswith("received_at")
            ]
            found[table] = [tuple(row[index] for index in kept) for row in cursor]
    return found
