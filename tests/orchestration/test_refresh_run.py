"""Runs of the refresh job, as `dg` starts them, with the instance that `upshot up` sets up."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import refresh_lock
from dagster_processes import (
    PATIENCE,
    dagster_environment,
    eventually,
    kill_family,
    start_dg,
)
from lock_waits import waits_for_a_lock
from parsed_project import ParsedProject

from ingest.dbt_runs import run_dbt
from ingest.settings import Settings

CHANGE = """
insert into raw.changes (account_id, session_id, received_at)
select account_id, session_id, now()
from raw.sessions
limit 1
"""

RAW_ROWS = """
insert into raw.accounts values
    (:account, 'Acme', 'Europe/Berlin', gen_random_uuid(), now(), now());
insert into raw.flows values
    (:account, :flow, 'Printer', gen_random_uuid(), now(), now());
insert into raw.users values
    (:account, :user, 'Ada', 'engineer', gen_random_uuid(), now(), now());
insert into raw.sessions (
    account_id, session_id,
    flow_id, user_id, started_at,
    started_event_id, started_occurred_at, started_received_at,
    outcome, completed_at,
    completed_event_id, completed_occurred_at, completed_received_at
)
select
    :account, gen_random_uuid(),
    :flow, :user, '2026-03-01 23:30 UTC',
    gen_random_uuid(), now(), now(),
    outcome, '2026-03-02 00:15 UTC',
    gen_random_uuid(), now(), now()
from unnest(array['resolved', 'resolved', 'escalated']) as outcome;
"""


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection]:
    ids = {name: f"'{number:032x}'" for number, name in enumerate([":account", ":flow", ":user"])}
    rows = RAW_ROWS
    for name, value in ids.items():
        rows = rows.replace(name, value)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(rows.encode())
        yield connection


@pytest.fixture
def start_refresh(
    database_url: str, libpq_environment: dict[str, str], tmp_path: Path
) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    environment = dagster_environment(database_url, libpq_environment, tmp_path)
    started = []

    def start() -> subprocess.Popen[str]:
        process = start_dg("launch", "--job", "refresh", environment=environment)
        started.append(process)
        return process

    yield start
    for process in started:
        kill_family(process)
        process.communicate()


def succeeds(run: subprocess.Popen[str]) -> bool:
    output, _ = run.communicate(timeout=PATIENCE)
    assert 0 == run.returncode, output
    return True


def test_a_refresh_builds_the_marts_and_is_kept_in_the_schema_dagster(
    database: psycopg.Connection,
    start_refresh: Callable[[], subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    assert succeeds(start_refresh())

    outcomes = database.execute(
        "select day::text, sessions, completed, resolved, escalated from marts.daily_outcomes"
    )
    # Half past eleven in the evening of UTC is the next day in Berlin.
    assert [("2026-03-02", 3, 3, 2, 1)] == outcomes.fetchall()

    kept = database.execute(
        """
        select
            (select array_agg(status) from dagster.runs),
            (
                select count(*) from dagster.asset_check_executions
                where execution_status = 'SUCCEEDED'
            ) > 0,
            to_regclass('public.runs') is null
        """
    )
    assert (["SUCCESS"], True, True) == kept.fetchone()

    assert [] == list(tmp_path.glob("upshot-refresh-*")), "dbt's artifacts are left behind"


def test_a_refresh_waits_until_another_has_ended(
    database: psycopg.Connection,
    database_url: str,
    base_settings: Settings,
    parsed_project: ParsedProject,
    start_refresh: Callable[[], subprocess.Popen[str]],
) -> None:
    parsed_project.put(base_settings.home / "dbt" / "target", database_url)
    run_dbt(base_settings, database_url, ["run"])
    database.execute(CHANGE)
    database.execute(refresh_lock.TAKE)
    run = start_refresh()
    eventually(lambda: waits_for_a_lock(database), run)
    assert (1,) == database.execute("select count(*) from raw.changes").fetchone()

    database.execute("select pg_advisory_unlock_all()")
    assert succeeds(run)
    assert (0,) == database.execute("select count(*) from raw.changes").fetchone()
