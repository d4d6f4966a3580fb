"""Prometheus itself, as compose.yaml configures it, in a hurry."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from api_processes import free_port
from conftest import BIN, REPOSITORY

MONITORING = REPOSITORY / "ingest" / "monitoring"


def program(name: str) -> str:
    """Prometheus as the Makefile found or unpacked it."""
    unpacked = BIN.parent / "debian" / "usr" / "bin"
    found = shutil.which(name) or shutil.which(name, path=str(unpacked))
    assert found, f"{name} is not here: make .venv/prometheus"
    return found


@contextmanager
def prometheus(
    target: str, folder: Path, *, token: str, sooner: Mapping[str, str] | None = None
) -> Iterator[httpx.Client]:
    """Run it until the block ends; yield a client of it.

    Args:
        target: the API's host and port.
        folder: for its files.
        token: for the API's metrics.
        sooner: what of the alerts' rules is replaced by what, beside how long each has to hold.
    """
    given = folder / "metrics_token"
    given.write_text(f"{token}\n")
    configuration = _replaced(
        (MONITORING / "prometheus.yml").read_text(),
        {
            "ingest:8000": target,
            "/run/secrets/metrics_token": str(given),
            "interval: 15s": "interval: 1s",
        },
    )
    (folder / "prometheus.yml").write_text(configuration)
    alerts = _replaced((MONITORING / "alerts.yml").read_text(), sooner or {})
    (folder / "alerts.yml").write_text(re.sub(r"for: \d+m", "for: 1s", alerts))
    port = free_port()
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [
                program("prometheus"), f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=10) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    for before, after in replacements.items():
        assert before in text
        text = text.replace(before, after)
    return text


def firing(client: httpx.Client) -> set[str]:
    """Return the names of the alerts that fire; none while it starts."""
    try:
        answer = client.get("/alerts")
    except httpx.TransportError:
        return set()
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return set()
    alerts = answer.json()["data"]["alerts"]
    return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}
