"""Dagster knows the dbt project whole: its models, its sources and its tests."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from conftest import REPOSITORY
from dagster_dbt import DbtProject

COPIED = {dg.AssetKey("application_events")}
"""What comes from an application's own database, not from dbt."""


@pytest.fixture
def manifest(definitions: dg.Definitions) -> Any:
    assert definitions
    from orchestration.dbt_project import dbt_project  # noqa: PLC0415 - dbt parses at its import

    return json.loads(dbt_project.manifest_path.read_text(encoding="utf-8"))


@pytest.fixture
def prepare_manifest(definitions: dg.Definitions) -> Callable[[DbtProject], None]:
    assert definitions
    from orchestration import dbt_project  # noqa: PLC0415 - dbt parses when it is imported

    return dbt_project.prepare_manifest


@pytest.fixture
def project(tmp_path: Path) -> DbtProject:
    """A dbt project with the settings of ours, and one model."""
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "one.sql").write_text("select 1 as one")
    return DbtProject(tmp_path)


def names(keys: Any) -> set[str]:
    return {key.to_user_string() for key in keys}


def test_every_model_is_an_asset_in_the_group_of_its_folder(
    definitions: dg.Definitions, manifest: Any
) -> None:
    models = {
        f"{node['schema']}/{node['name']}": Path(node["path"]).parts[0]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
    }
    graph = definitions.resolve_asset_graph()

    assert models == {
        key.to_user_string(): graph.get(key).group_name
        for key in graph.materializable_asset_keys - COPIED
    }
    assert {"staging", "marts"} == set(models.values())


def test_every_source_is_an_asset_that_dagster_does_not_build(
    definitions: dg.Definitions, manifest: Any
) -> None:
    sources = {
        f"{source['source_name']}/{source['name']}": (source["source_name"], source["description"])
        for source in manifest["sources"].values()
    }
    graph = definitions.resolve_asset_graph()

    assert sources == {
        key.to_user_string(): (graph.get(key).group_name, graph.get(key).description)
        for key in graph.external_asset_keys
    }
    assert sources


def test_every_asset_is_in_a_group_and_says_what_it_is(definitions: dg.Definitions) -> None:
    assets = definitions.resolve_asset_graph().asset_nodes
    assert {"application", "raw", "live", "staging", "marts"} == {
        each.group_name for each in assets
    }
    assert [] == [each.key for each in assets if len(each.description or "") < 20]


def test_every_job_and_what_starts_it_says_what_it_does_and_is_documented(
    definitions: dg.Definitions,
) -> None:
    repository = definitions.get_repository_def()
    jobs: list[Any] = [each for each in repository.get_all_jobs() if each.name != "__ASSET_JOB"]
    described: dict[str, str | None] = {
        each.name: each.description
        for each in (*jobs, *repository.schedule_defs, *repository.sensor_defs)
    }
    assert [] == [name for name, description in described.items() if not description]

    document = (REPOSITORY / "docs" / "orchestration.md").read_text()
    documented = re.findall(r"^\| `(\w+)` \|", document, re.MULTILINE)
    assert set(described) <= set(documented)


def test_every_data_test_is_an_asset_check(definitions: dg.Definitions, manifest: Any) -> None:
    """A test of two models needs `config(meta={'dagster': {'ref': {'name': …}}})`."""
    data_tests = {
        node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test"
    }
    checks = {key.name for key in definitions.resolve_asset_graph().asset_check_keys}

    assert set() == data_tests - checks
    assert any(name.startswith("assert_") for name in checks), "no singular test among them"


def test_refresh_builds_and_checks_everything(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    refresh = definitions.resolve_job_def("refresh").asset_layer

    assert names(graph.materializable_asset_keys - COPIED) == names(refresh.selected_asset_keys)
    assert names(graph.asset_check_keys) == names(refresh.asset_graph.asset_check_keys)


def test_refresh_is_scheduled_from_the_start(definitions: dg.Definitions) -> None:
    schedule = definitions.resolve_schedule_def("refresh_schedule")

    assert "refresh" == schedule.job_name
    assert "*/15 * * * *" == schedule.cron_schedule
    assert "UTC" == schedule.execution_timezone
    assert dg.DefaultScheduleStatus.RUNNING == schedule.default_status


@pytest.mark.parametrize(
    ("status", "runs"),
    [
        (dg.DagsterRunStatus.STARTING, 0),
        (dg.DagsterRunStatus.STARTED, 0),
        (dg.DagsterRunStatus.SUCCESS, 1),
        (dg.DagsterRunStatus.FAILURE, 1),
    ],
)
def test_refreshes_do_not_queue_up_behind_a_slow_one(
    definitions: dg.Definitions, tmp_path: Path, status: dg.DagsterRunStatus, runs: int
) -> None:
    schedule = definitions.resolve_schedule_def("refresh_schedule")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.add_run(dg.DagsterRun(job_name="refresh", status=status))
        tick = schedule.evaluate_tick(dg.build_schedule_context(instance))

    assert runs == len(tick.run_requests or [])


def test_exactness_is_checked_every_hour(definitions: dg.Definitions) -> None:
    check = definitions.resolve_job_def("check").asset_layer
    models = {key.asset_key for key in check.asset_graph.asset_check_keys}

    assert set() == set(check.selected_asset_keys)
    assert {"marts/facts", "marts/account_days", "marts/flow_rollups"} <= names(models)
    assert all(key.name.startswith("exact_") for key in check.asset_graph.asset_check_keys)
    schedule = definitions.resolve_schedule_def("check_schedule")
    assert ("check", dg.DefaultScheduleStatus.RUNNING) == (
        schedule.job_name,
        schedule.default_status,
    )


@pytest.mark.parametrize(
    ("waited", "changes", "status", "runs"),
    [
        ("0 s", 2, None, 0),
        ("30 s", 2, None, 0),
        ("70 s", 2, None, 1),
        ("0 s", 999, None, 0),
        ("0 s", 1_000, None, 1),
        ("70 s", 2, dg.DagsterRunStatus.FAILURE, 1),
        ("70 s", 2, dg.DagsterRunStatus.STARTED, 0),
        ("70 s", 2, dg.DagsterRunStatus.STARTING, 0),
        ("0 s", 1_000, dg.DagsterRunStatus.STARTED, 0),
    ],
)
def test_a_change_that_waited_for_a_minute_or_a_thousand_changes_start_a_refresh(
    definitions: dg.Definitions,
    database_url: str,
    tmp_path: Path,
    waited: str,
    changes: int,
    status: dg.DagsterRunStatus | None,
    runs: int,
) -> None:
    sensor = definitions.resolve_sensor_def("change_log_sensor")
    assert dg.DefaultSensorStatus.RUNNING == sensor.default_status
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "insert into raw.changes (account_id, session_id, received_at)"
            " select gen_random_uuid(), gen_random_uuid(),"
            " now() - case when n = 1 then %s::interval else '0 s' end"
            " from generate_series(1, %s) as n",
            [waited, changes],
        )
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        if status:
            instance.add_run(dg.DagsterRun(job_name="refresh", status=status))
        from orchestration.defs.resources import ChangeLog  # noqa: PLC0415 - dbt parses at import

        context = dg.build_sensor_context(instance, resources={"change_log": ChangeLog()})
        tick = sensor.evaluate_tick(context)

    assert runs == len(tick.run_requests or [])


def test_a_project_is_parsed_once_and_again_when_it_changed(
    prepare_manifest: Callable[[DbtProject], None],
    project: DbtProject,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And without a database: there is none where the variable points to."""
    monkeypatch.setenv("PGHOST", str(project.project_dir / "no_server"))
    model = project.project_dir / "models" / "another.sql"

    def parsed_at() -> float:
        prepare_manifest(project)
        return project.manifest_path.stat().st_mtime

    def knows_the_model() -> bool:
        manifest = json.loads(project.manifest_path.read_text(encoding="utf-8"))
        return "model.upshot.another" in manifest["nodes"]

    first = parsed_at()
    assert first == parsed_at()

    model.write_text("select 2 as another")
    second = parsed_at()
    assert second > first
    assert knows_the_model()

    model.unlink()
    assert parsed_at() > second
    assert not knows_the_model()
    assert {"manifest.json", "partial_parse.msgpack"} == {
        path.name for path in (project.project_dir / "target").iterdir()
    }
    assert not (project.project_dir / "logs").exists()


def test_a_project_that_cannot_be_parsed_says_why(
    prepare_manifest: Callable[[DbtProject], None], project: DbtProject
) -> None:
    (project.project_dir / "models" / "lost.sql").write_text("select * from {{ ref('nowhere') }}")

    with pytest.raises(RuntimeError, match="nowhere"):
        prepare_manifest(project)
