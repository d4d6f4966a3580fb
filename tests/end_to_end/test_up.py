"""`upshot up` as somebody meets it who has just found Upshot: start, look, rate, stop, start."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import psycopg
import pytest
from api_processes import free_port
from conftest import BIN, REPOSITORY
from dagster import DagsterRunStatus
from dagster_graphql import DagsterGraphQLClient

STARTS_WITHIN = 180
STOPS_WITHIN = 60
REFRESHES_WITHIN = 60
RUNS_WITHIN = 180


class Running(NamedTuple):
    process: subprocess.Popen[str]
    said: str
    seconds: float

    def line(self, pattern: str) -> str:
        match = re.search(pattern, self.said)
        assert match, self.said
        return match[1]

    def lines_to_paste(self) -> list[str]:
        return [line for line in self.said.splitlines() if line.strip().startswith("curl ")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all that start here: what the first makes, the next ones find."""
    return tmp_path_factory.mktemp("up") / "home"


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UPSHOT_", "PG", "DBT_", "DAGSTER_"))
    }
    return inherited | {
        "UPSHOT_HOME": str(home),
        "UPSHOT_PORT": str(free_port()),
        "UPSHOT_DAGSTER_PORT": str(free_port()),
        "UPSHOT_DEMO_SESSIONS": "1500",
        "UPSHOT_REFRESH_SECONDS": "2",
    }


@contextmanager
def up(environment: dict[str, str], stop: signal.Signals) -> Iterator[Running]:
    """Start it, wait until it says that it runs; stop it, and see that nothing is left behind."""
    started = time.monotonic()
    errors = Path(environment["UPSHOT_HOME"]).with_name("errors")
    with errors.open("w") as file:
        process = subprocess.Popen(
            [BIN / "upshot", "up"],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    assert process.stdout is not None
    said = ""
    while "Ctrl-C stops" not in said:
        line = process.stdout.readline()
        assert line, errors.read_text()
        said += line
    running = Running(process, said, time.monotonic() - started)
    assert running.seconds < STARTS_WITHIN
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 3
    try:
        yield running
    finally:
        family += psutil.Process(process.pid).children(recursive=True)
        process.send_signal(stop)
        process.communicate(timeout=STOPS_WITHIN)
    assert process.returncode == 0, errors.read_text()
    assert "Traceback" not in errors.read_text()
    assert left_of(family) == []
    assert not (Path(environment["UPSHOT_HOME"]) / "postgres" / "postmaster.pid").exists()


def left_of(family: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that go on; a helper that Python ends with its parent takes a moment."""
    deadline = time.monotonic() + 5
    while (left := [each for each in family if _runs(each)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _runs(process: psutil.Process) -> bool:
    """A zombie does not: in a container, nobody may be there to collect it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def paste(line: str) -> dict[str, Any]:
    """Run a printed line as a shell of somebody else would."""
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={"PATH": os.environ["PATH"]},
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def flow_of(running: Running, session_id: str) -> str:
    with psycopg.connect(running.line(r"Database +(\S+)")) as connection:
        row = connection.execute(
            "select flow_id from raw.sessions where session_id = %s", (session_id,)
        ).fetchone()
    assert row is not None
    return str(row[0])


def launch_from_the_page(running: Running) -> str:
    """Ask what the page's button asks, and return how the run ended."""
    page = httpx.URL(running.line(r"Dagster +(\S+)"))
    client = DagsterGraphQLClient(page.host, page.port)
    run_id = client.submit_job_execution("refresh")
    deadline = time.monotonic() + RUNS_WITHIN
    ended = {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED}
    while (status := client.get_run_status(run_id)) not in ended and time.monotonic() < deadline:
        time.sleep(1)
    return str(status.value)


def test_start_rate_read_back_stop_and_start_again(environment: dict[str, str]) -> None:
    with up(environment, signal.SIGINT) as first:
        team_line, rate_line, flow_line = first.lines_to_paste()
        assert paste(team_line)["summary"]["total_sessions"] > 0

        session = rate_line.partition("/sessions/")[2].partition("/")[0]
        flow_line = re.sub(r"flows/[0-9a-f-]+", f"flows/{flow_of(first, session)}", flow_line)
        before = paste(flow_line)
        rated = paste(rate_line)
        assert (rated["rating"], rated["comment"]) == (5, "Solved in two minutes.")
        deadline = time.monotonic() + REFRESHES_WITHIN
        body = before
        while body["meta"]["data_through"] < rated["created_at"] and time.monotonic() < deadline:
            time.sleep(0.5)
            body = paste(flow_line)
        assert body["total_ratings"] == before["total_ratings"] + 1
        assert body["recent_comments"][0]["comment"] == "Solved in two minutes."

        taken = subprocess.run(
            [BIN / "upshot", "up"], env=environment, capture_output=True, text=True, check=False
        )
        assert taken.returncode == 1
        assert taken.stderr.count("\n") == 1
        assert "UPSHOT_PORT" in taken.stderr

        assert launch_from_the_page(first) == "SUCCESS"

    with up(environment, signal.SIGHUP) as second:
        assert paste(flow_line)["total_ratings"] == body["total_ratings"]
        assert paste(second.lines_to_paste()[1])["session_id"] != session


def test_a_program_that_dies_ends_all_of_it_and_says_so(environment: dict[str, str]) -> None:
    """Not half a service: whoever runs it sees that it ended, and where to look."""
    errors = Path(environment["UPSHOT_HOME"]).with_name("errors")
    with errors.open("w") as file:
        process = subprocess.Popen(
            [BIN / "upshot", "up"],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    assert process.stdout is not None
    for line in process.stdout:
        if "Ctrl-C stops" in line:
            break
    family = psutil.Process(process.pid).children(recursive=True)
    api = next(each for each in family if "ingest.app:create_app" in each.cmdline())
    api.kill()
    process.communicate(timeout=STOPS_WITHIN)
    assert process.returncode == 1
    assert "upshot: api ended" in errors.read_text()
    assert left_of(family) == []
