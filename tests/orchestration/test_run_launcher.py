"""Whether a run is still at work is asked of the code server that started it."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import yaml
from api_processes import free_port
from conftest import BIN, REPOSITORY
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster_processes import eventually

from orchestration import run_launcher
from orchestration.run_launcher import WatchfulRunLauncher


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    launcher = {"module": "orchestration.run_launcher", "class": "WatchfulRunLauncher"}
    with dg.DagsterInstance.local_temp(
        str(tmp_path), overrides={"run_launcher": launcher, "run_monitoring": {"enabled": True}}
    ) as made:
        yield made


def started_run(
    instance: dg.DagsterInstance, server: dict[str, object] | None = None
) -> dg.DagsterRun:
    """Return a run that a code server has started, or `dg launch`."""
    tags = {} if server is None else {GRPC_INFO_TAG: json.dumps(server)}
    run = dg.DagsterRun(job_name="refresh", status=dg.DagsterRunStatus.STARTED, tags=tags)
    return instance.add_run(run)


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> WorkerStatus:
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchfulRunLauncher)
    assert launcher.supports_check_run_worker_health
    return launcher.check_run_worker_health(run).status


def test_a_run_whose_code_server_is_gone_is_not_at_work(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    run = started_run(instance, {"host": "localhost", "socket": str(tmp_path / "gone")})
    assert WorkerStatus.NOT_FOUND == health(instance, run)


def is_serving(port: int) -> bool:
    asked = [str(BIN / "dagster"), "api", "grpc-health-check", "--port", str(port)]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


@contextmanager
def code_server(port: int, folder: Path) -> Iterator[None]:
    """A real one with nothing to run, as an engine starts it, until the block ends."""
    module = folder / "nothing.py"
    module.write_text("import dagster as dg\n\ndefs = dg.Definitions()\n")
    with subprocess.Popen(
        [
            BIN / "dagster", "api", "grpc", "--python-file", module,
            "--host", "127.0.0.1", "--port", str(port),
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        try:
            eventually(lambda: is_serving(port))
            yield
        finally:
            server.kill()


def test_a_run_whose_code_server_starts_again_is_lost_once_that_is_there(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, Dagster could not start it again, and would give it up."""
    port = free_port()
    run = started_run(instance, {"host": "127.0.0.1", "port": port})
    assert WorkerStatus.RUNNING == health(instance, run)
    assert WorkerStatus.RUNNING == health(instance, run)
    with code_server(port, tmp_path):
        assert WorkerStatus.RUNNING == health(instance, run), "the daemon may not know it yet"
        assert WorkerStatus.NOT_FOUND == health(instance, run)
    assert WorkerStatus.RUNNING == health(instance, run)
    monkeypatch.setattr(run_launcher, "RESTART_SECONDS", 0)
    assert WorkerStatus.NOT_FOUND == health(instance, run), "it has been gone for long"


def test_a_run_whose_code_server_is_slow_to_answer_may_be_at_work(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_launcher, "ANSWER_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        run = started_run(instance, {"host": "127.0.0.1", "port": silent.getsockname()[1]})
        assert WorkerStatus.RUNNING == health(instance, run)


def test_a_run_of_dg_launch_is_left_alone(instance: dg.DagsterInstance) -> None:
    assert WorkerStatus.RUNNING == health(instance, started_run(instance))


def test_the_deployment_uses_it_and_notices_in_time() -> None:
    """Each way in which a run is lost leaves time to start another within two minutes."""
    configuration = yaml.safe_load((REPOSITORY / "orchestration" / "dagster.yaml").read_text())
    assert configuration["run_launcher"]["class"] == "WatchfulRunLauncher"
    monitoring = configuration["run_monitoring"]
    assert monitoring["enabled"]
    poll = monitoring["poll_interval_seconds"]
    assert max(monitoring["start_timeout_seconds"] + poll, 2 * poll) <= 90
