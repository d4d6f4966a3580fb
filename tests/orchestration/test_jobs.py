"""The jobs that people and schedules start, on a real warehouse and a real instance."""

from collections.abc import Callable, Iterator
from hashlib import md5
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import dagster as dg
import psycopg
import pytest
from dagster_processes import dagster_environment
from live_warehouse import HISTORY
from receivers import webhook

from ingest.refresh import refresh
from ingest.settings import Settings
from ingest.store.operations import libpq_variables

ACCOUNT = str(UUID(md5(b"account 1").hexdigest()))
BREAK = """
update live.account_days__stored set sessions = sessions + 1
where account_id = md5('account 1')::uuid
"""
WRONG = "select * from live.account_days__stored except select * from live.account_days__resummed"


@pytest.fixture(scope="module")
def warehouse(new_live_settings: Callable[[], Settings]) -> str:
    """The URL of a warehouse with three accounts, refreshed."""
    settings = new_live_settings()
    url = settings.database_url or ""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(HISTORY)
    refresh(settings, url)
    return url


@pytest.fixture
def libpq_environment(warehouse: str) -> dict[str, str]:
    return libpq_variables(warehouse)


@pytest.fixture
def database(warehouse: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(warehouse, autocommit=True) as connection:
        yield connection


@pytest.fixture
def instance(
    warehouse: str,
    libpq_environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dg.DagsterInstance]:
    """The one of dagster.yaml, in PostgreSQL."""
    environment = dagster_environment(warehouse, libpq_environment, tmp_path)
    for name in ("DAGSTER_HOME", "UPSHOT_DAGSTER_DATABASE_URL"):
        monkeypatch.setenv(name, environment[name])
    with dg.DagsterInstance.get() as made:
        yield made


Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def run(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Run:
    def start(job: str, config: Any = None) -> dg.ExecuteInProcessResult:
        return definitions.resolve_job_def(job).execute_in_process(
            run_config=config, instance=instance, raise_on_error=False
        )

    return start


def of_account(account_id: str) -> dict[str, Any]:
    return {"ops": {"rebuild": {"config": {"account_id": account_id}}}}


def metadata(done: dg.ExecuteInProcessResult, step: str) -> dict[str, Any]:
    (event,) = [
        each for each in done.events_for_node(step) if each.event_type_value == "STEP_OUTPUT"
    ]
    said = event.step_output_data.metadata
    return {
        name: value if isinstance(value, dg.TableMetadataValue) else value.value
        for name, value in said.items()
    }


def failure(done: dg.ExecuteInProcessResult) -> str:
    (event,) = [each for each in done.all_events if each.is_step_failure]
    error = event.step_failure_data.error
    return error.to_string() if error else ""


def test_a_wrong_figure_is_found_by_the_full_check_told_of_and_mended_by_a_rebuild(
    definitions: dg.Definitions,
    run: Run,
    instance: dg.DagsterInstance,
    database: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = database.execute(BREAK).rowcount
    assert rows > 1
    sensor = definitions.resolve_sensor_def("failed_run_sensor")
    repository = definitions.get_repository_def()

    def tick(cursor: str | None) -> Any:
        return sensor.evaluate_tick(
            dg.build_sensor_context(instance, cursor, repository_def=repository)
        )

    with webhook() as hook:
        monkeypatch.setenv("UPSHOT_ALERT_WEBHOOK_URL", hook.url)
        seen = tick(None)
        checked = run("full_check")
        tick(seen.cursor)
    assert not checked.success
    (told,) = hook.posted
    assert told["job"] == "full_check"
    assert told["failed_checks"] == ["marts/account_days:exact_account_days_"]

    rebuilt = run("rebuild_account", of_account(ACCOUNT))
    assert rebuilt.success
    shown = metadata(rebuilt, "rebuild")
    assert shown["rows_that_differed_before"] >= rows
    assert shown["rows_that_differ_now"] == 0
    assert "account_days" in {record.data["model"] for record in shown["models"].records}
    assert database.execute(WRONG).fetchall() == []


@pytest.mark.parametrize(
    ("account_id", "said"),
    [
        ("Acme Support", "account_id is 'Acme Support': it has to be the UUID of an account"),
        ("", "it has to be the UUID"),
        (str(uuid4()), "There is no account"),
    ],
    ids=["a name", "nothing", "nobody's"],
)
def test_a_rebuild_of_no_account_says_so(run: Run, account_id: str, said: str) -> None:
    done = run("rebuild_account", of_account(account_id))
    assert not done.success
    assert said in failure(done)


def test_dead_rows_of_the_log_are_vacuumed_when_there_are_some(
    definitions: dg.Definitions,
    run: Run,
    instance: dg.DagsterInstance,
    database: psycopg.Connection,
) -> None:
    schedule = definitions.resolve_schedule_def("vacuum_schedule")

    def ticks() -> int:
        database.execute("select pg_stat_force_next_flush()")
        context = dg.build_schedule_context(instance, resources=definitions.resources)
        return len(schedule.evaluate_tick(context).run_requests or [])

    database.execute("vacuum raw.changes")
    assert ticks() == 0
    database.execute(
        "insert into raw.changes (account_id, session_id, received_at)"
        " select gen_random_uuid(), gen_random_uuid(), now() from generate_series(1, 200)"
    )
    database.execute("delete from raw.changes")
    assert ticks() == 1
    done = run("vacuum")
    assert done.success
    assert metadata(done, "vacuum_log")["dead_rows_before"] >= 200
    assert ticks() == 0


def test_old_runs_go_with_all_that_they_left_and_new_ones_stay(
    run: Run, instance: dg.DagsterInstance, database: psycopg.Connection, tmp_path: Path
) -> None:
    @dg.asset_check(asset="flows")
    def is_fine() -> dg.AssetCheckResult:
        print("fine")  # noqa: T201 - what a run prints is kept in a file
        return dg.AssetCheckResult(passed=True)

    checking = dg.Definitions(
        assets=[dg.AssetSpec("flows")],
        asset_checks=[is_fine],
        jobs=[dg.define_asset_job("checking", selection=dg.AssetSelection.all_asset_checks())],
    ).resolve_job_def("checking")
    old = checking.execute_in_process(instance=instance).run_id
    going_on = instance.add_run(
        dg.DagsterRun(job_name="checking", status=dg.DagsterRunStatus.STARTED)
    ).run_id
    new = checking.execute_in_process(instance=instance).run_id
    database.execute(
        "update dagster.runs set create_timestamp = create_timestamp - interval '31 days'"
        " where run_id = any(%s)",
        [[old, going_on]],
    )
    kept = "select count(*) from dagster.{} where run_id = %s"
    tables = ("runs", "event_logs", "asset_check_executions")

    def left_of(run_id: str) -> list[bool]:
        counts = [
            database.execute(kept.format(table).encode(), [run_id]).fetchone() for table in tables
        ]
        return [count != (0,) for count in counts]

    def files_of(run_id: str) -> list[Path]:
        return list((tmp_path / "dagster_home").rglob(f"{run_id}*"))

    assert left_of(old) == [True, True, True]
    assert files_of(old)
    done = run("prune_runs")
    assert done.success
    assert metadata(done, "delete_old_runs")["deleted_runs"] == 1
    assert left_of(old) == [False, False, False]
    assert files_of(old) == []
    assert left_of(new) == [True, True, True]
    assert left_of(going_on)[0], "it has not ended"
