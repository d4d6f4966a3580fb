"""Whether a run is still at work is asked of the code server that started it."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from conftest import REPOSITORY
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from orchestration import run_launcher
from orchestration.run_launcher import WatchfulRunLauncher


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    launcher = {"module": "orchestration.run_launcher", "class": "WatchfulRunLauncher"}
    with dg.DagsterInstance.local_temp(
        str(tmp_path), overrides={"run_launcher": launcher, "run_monitoring": {"enabled": True}}
    ) as made:
        yield made


def status_of(instance: dg.DagsterInstance, **tags: str) -> WorkerStatus:
    run = dg.DagsterRun(job_name="refresh", status=dg.DagsterRunStatus.STARTED, tags=tags)
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchfulRunLauncher)
    assert launcher.supports_check_run_worker_health
    return launcher.check_run_worker_health(instance.add_run(run)).status


def test_a_run_whose_code_server_is_gone_is_not_at_work(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    gone = {"host": "localhost", "socket": str(tmp_path / "gone")}
    assert WorkerStatus.NOT_FOUND == status_of(instance, **{GRPC_INFO_TAG: json.dumps(gone)})


def test_a_run_whose_code_server_is_slow_to_answer_may_be_at_work(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_launcher, "ANSWER_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = {"host": "127.0.0.1", "port": silent.getsockname()[1]}
        assert WorkerStatus.RUNNING == status_of(instance, **{GRPC_INFO_TAG: json.dumps(slow)})


def test_a_run_of_dg_launch_is_left_alone(instance: dg.DagsterInstance) -> None:
    assert WorkerStatus.RUNNING == status_of(instance)


def test_the_deployment_uses_it() -> None:
    configuration = (REPOSITORY / "orchestration" / "dagster.yaml").read_text()
    assert "class: WatchfulRunLauncher" in configuration
