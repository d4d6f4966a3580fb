"""Runs of the refresh job, as `dg` starts them, with the instance that `upshot up` sets up."""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg
import pytest
from conftest import REPOSITORY
from parsed_project import ParsedProject

from ingest.dbt_runs import run_dbt
from ingest.settings import Settings

TAKE_LOCK = "select pg_advisory_lock(hashtextextended('upshot refresh', 0))"
CHANGE = """
insert into raw.changes (account_id, session_id, received_at)
select account_id, session_id, now()
from raw.sessions
limit 1
"""
PATIENCE = 120

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
    home = tmp_path / "dagster_home"
    home.mkdir()
    shutil.copy(REPOSITORY / "orchestration" / "dagster.yaml", home)
    parts = urlsplit(database_url)
    options = "options=-csearch_path%3Ddagster"
    storage = parts._replace(
        scheme="postgresql+psycopg2", query="&".join(filter(None, [parts.query, options]))
    )
    environment = {
        **os.environ,
        **libpq_environment,
        "DAGSTER_HOME": str(home),
        "UPSHOT_DAGSTER_DATABASE_URL": urlunsplit(storage),
        "VIRTUAL_ENV": sys.prefix,
        "TMPDIR": str(tmp_path),
    }
    started = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [Path(sysconfig.get_path("scripts"), "dg"), "launch", "--job", "refresh"],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
        process.communicate()


def eventually(condition: Callable[[], object], run: subprocess.Popen[str] | None = None) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        if run and run.poll() is not None:
            pytest.fail(f"the run has ended: {run.communicate()[0]}")
        assert time.monotonic() < until
        time.sleep(0.05)


def succeeds(run: subprocess.Popen[str]) -> bool:
    output, _ = run.communicate(timeout=PATIENCE)
    assert 0 == run.returncode, output
    return True


def waits_for_a_lock(database: psycopg.Connection, application_name: str) -> bool:
    found = database.execute(
        """
        select 1 from pg_stat_activity
        where
            datname = current_database()
            and application_name = %s
            and wait_event_type = 'Lock'
        """,
        [application_name],
    )
    return found.fetchone() is not None


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
    database.execute(TAKE_LOCK)
    run = start_refresh()
    eventually(lambda: waits_for_a_lock(database, "dbt"), run)
    assert (1,) == database.execute("select count(*) from raw.changes").fetchone()

    database.execute("select pg_advisory_unlock_all()")
    assert succeeds(run)
    assert (0,) == database.execute("select count(*) from raw.changes").fetchone()
