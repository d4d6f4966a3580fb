"""What operators are given to watch with works with the real Prometheus, on the real API."""

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import yaml
from api_processes import api_process
from conftest import REPOSITORY
from prometheus_server import MONITORING, firing, program, prometheus

TOKEN = "kd93mVx0QpL7tYw2RzB5nHc8JfGuAe4T"
PROMETHEUS_OWN = {"up", "ALERTS"}


def documented() -> set[str]:
    """All metrics; a test of theirs holds this table to what is told."""
    guide = (REPOSITORY / "docs" / "observability.md").read_text()
    return set(re.findall(r"^\| `(upshot_\w+)` \|", guide, re.MULTILINE))


def metrics_in(expression: str) -> set[str]:
    without_labels = re.sub(r"\{[^}]*\}|\[[^]]*\]|(by|without) \([^)]*\)", "", expression)
    names = set(re.findall(r"\bupshot_\w+|\bup\b|\bALERTS\b", without_labels))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names} - PROMETHEUS_OWN


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((MONITORING / "grafana" / "upshot.json").read_text())
    return read


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_the_rules_pass_promtool() -> None:
    for arguments in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(
            [program("promtool"), *arguments],
            cwd=MONITORING, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_documented_and_tested() -> None:
    names = {rule["alert"] for rule in rules()}
    guide = (REPOSITORY / "docs" / "observability.md").read_text()
    assert names == set(re.findall(r"^\| `(Upshot\w+)` \|", guide, re.MULTILINE))
    assert names == set(re.findall(r"Upshot\w+", (MONITORING / "alerts_test.yml").read_text()))


def test_what_is_asked_for_is_told() -> None:
    """Dashboard and rules name metrics that there are, and every metric is looked at."""
    panels = dashboard()["panels"]
    shown = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in metrics_in(target["expr"])
    }
    alerted = {name for rule in rules() for name in metrics_in(rule["expr"])}
    assert shown | alerted == documented() - {"upshot_info"}
    for panel in panels:
        assert panel["description"], panel["title"]


def eventually(look: Callable[[], bool], what: object = "") -> None:
    until = time.monotonic() + 60
    while not look():
        assert time.monotonic() < until, what
        time.sleep(0.3)


def test_prometheus_reads_the_api_and_its_alerts_fire_and_end(
    database_url: str, tmp_path: Path
) -> None:
    """A change that no refresh takes; then one takes it; then the API is gone."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "insert into raw.changes (account_id, session_id, received_at)"
            " values (%s, %s, now() - interval '11 minutes')",
            [uuid4(), uuid4()],
        )
        with (
            api_process(database_url, tmp_path, workers=2, metrics_token=TOKEN) as process,
            prometheus(f"127.0.0.1:{process.port}", tmp_path, token=TOKEN) as client,
        ):
            eventually(lambda: firing(client) == {"UpshotChangesOld"}, "it waits too long")
            for panel in dashboard()["panels"]:
                for target in panel["targets"]:
                    query = target["expr"].replace("$__rate_interval", "1m")
                    answer = client.get("/query", params={"query": query}).json()
                    assert answer["status"] == "success", (panel["title"], answer)
            asked = client.get("/query", params={"query": "upshot_processes"}).json()
            assert [each["value"][1] for each in asked["data"]["result"]] == ["2"]
            connection.execute("delete from raw.changes")
            eventually(lambda: firing(client) == set(), "it was taken")
            process.kill()
            eventually(lambda: firing(client) == {"UpshotDown"}, "nobody answers")


def test_every_file_that_compose_mounts_is_there() -> None:
    compose = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
    mounted = [
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    assert len(mounted) == 8
    for path in mounted:
        assert (REPOSITORY / path).is_file(), path


@pytest.mark.parametrize("service", ["prometheus", "grafana"])
def test_what_watches_is_for_who_asks_for_it(service: str) -> None:
    compose = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
    assert compose["services"][service]["profiles"] == ["monitoring"]
    for port in compose["services"][service]["ports"]:
        assert port.startswith("127.0.0.1:")
