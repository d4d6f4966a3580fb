"""Dagster has what is not kept any longer deleted, and says how much it was."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import psycopg
import pytest

RAW_ROWS = """
insert into raw.accounts values
    (%(account)s, 'Acme', 'UTC', gen_random_uuid(), now(), now());
insert into raw.retentions (account_id, session_days, set_at) values (%(account)s, 7, now());
insert into raw.sessions (
    account_id, session_id, flow_id, user_id, started_at, named_user_ids,
    started_event_id, started_occurred_at, started_received_at
)
select
    %(account)s, gen_random_uuid(), %(user)s, %(user)s, now() - days * interval '1 day',
    array[%(user)s], gen_random_uuid(), now(), now()
from generate_series(0, 9) as days;
"""


@pytest.fixture
def definitions(
    libpq_environment: dict[str, str],
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dg.Definitions:
    own = {"UPSHOT_DATABASE_URL": database_url, "UPSHOT_HOME": str(tmp_path)}
    for name, value in (libpq_environment | own).items():
        monkeypatch.setenv(name, value)
    from orchestration.definitions import defs  # noqa: PLC0415 - dbt parses when it is imported

    return defs()


def test_retention_is_scheduled_once_a_day_from_the_start(definitions: dg.Definitions) -> None:
    schedule = definitions.resolve_schedule_def("retention_schedule")
    assert ("retention", "23 2 * * *", "UTC", dg.DefaultScheduleStatus.RUNNING) == (
        schedule.job_name,
        schedule.cron_schedule,
        schedule.execution_timezone,
        schedule.default_status,
    )


def test_a_run_deletes_what_is_not_kept_and_says_how_much(
    definitions: dg.Definitions, database_url: str
) -> None:
    account_id = uuid4()
    with psycopg.ClientCursor(psycopg.connect(database_url, autocommit=True)) as cursor:
        cursor.execute(RAW_ROWS.encode(), {"account": account_id, "user": uuid4()})
    run = definitions.resolve_job_def("retention").execute_in_process()
    [output] = [event for event in run.all_events if event.is_successful_output]
    metadata: dict[str, Any] = dict(output.step_output_data.metadata)
    said = {name: metadata[name].value for name in ("accounts", "sessions", "comments")}
    assert said == {"accounts": 1, "sessions": 3, "comments": 0}
    [record] = metadata["by account"].records
    assert record.data == {"account_id": str(account_id), "sessions": 3, "comments": 0}
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from raw.sessions").fetchone() == (7,)


def test_a_run_that_cannot_delete_is_red_and_says_why(
    definitions: dg.Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPSHOT_RETENTION_DAYS", "some")
    run = definitions.resolve_job_def("retention").execute_in_process(raise_on_error=False)
    assert not run.success
    [failed] = [event for event in run.all_events if event.is_step_failure]
    assert "UPSHOT_RETENTION_DAYS cannot be used" in str(failed.step_failure_data.error)
