"""What compose.yaml says is what runs: each service of ours, by its own command and healthcheck."""

import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
from api_processes import free_port
from compose_services import Service, compose
from conftest import REPOSITORY
from dagster_graphql import DagsterGraphQLClient
from killable_server import killable_server
from psycopg import sql

from ingest.embedded import packaged_programs

STARTS_WITHIN = 240
OURS = {"migrate", "ingest", "refresh", "code", "dagster", "daemon", "backup"}
OTHERS = {"postgres", "prometheus", "grafana"}
SECRETS = ("jwt_secret", "database_password", "metrics_token", "grafana_password")


class Machine(NamedTuple):
    """What the containers' addresses and folders are here."""

    places: dict[str, str]
    url: str
    logs: Path

    def service(self, name: str) -> Service:
        return Service(name, self.places, self.logs / f"{name}.log")

    def page(self, port: str) -> str:
        return f"http://127.0.0.1:{self.places[port]}"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """An empty server, as the image of PostgreSQL would leave it, secrets in files, volumes."""
    root = tmp_path_factory.mktemp("compose")
    folders = {place: root / place.strip("/") for place in ("/data", "/backups", "/postgres")}
    folders["/run/secrets"] = root / "secrets"
    for folder in folders.values():
        folder.mkdir()
    made = {name: secrets.token_urlsafe(48) for name in SECRETS}
    for name, secret in made.items():
        (root / "secrets" / name).write_text(f"{secret}\n")
    (root / "data" / "dagster").mkdir()
    shutil.copy(REPOSITORY / "orchestration" / "dagster.yaml", root / "data" / "dagster")
    with killable_server() as server:
        socket = parse_qs(urlsplit(server.url).query)["host"][0]
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("create role upshot superuser login")
            connection.execute("create database upshot owner upshot")
            password = sql.Literal(made["database_password"])
            connection.execute(sql.SQL("alter role upshot password {}").format(password))
            (hba,) = connection.execute("show hba_file").fetchone() or ("",)
            rules = Path(hba).read_text()
            # As there, nobody comes in without it.
            Path(hba).write_text(f"local all upshot scram-sha-256\n{rules}")
            connection.execute("alter system set fsync = off")
            connection.execute("select pg_reload_conf()")
        yield Machine(
            places={
                **{place: str(folder) for place, folder in folders.items()},
                **{port: str(free_port()) for port in ("8000", "3000", "4000")},
                "postgres": socket,
                "code": "127.0.0.1",
                "0.0.0.0": "127.0.0.1",
            },
            url=f"postgresql://upshot:{made['database_password']}@/upshot?host={socket}",
            logs=root,
        )


def test_every_service_runs_as_it_is_written_until_it_is_healthy(machine: Machine) -> None:
    """In their order, on an empty server; a run of Dagster's, a backup, and all stop cleanly."""
    machine.service("migrate").run()
    services = {name: machine.service(name) for name in OURS - {"migrate"}}
    with ExitStack() as running:
        for name in ("ingest", "refresh", "code", "backup"):
            running.enter_context(services[name].running())
        services["ingest"].await_healthy(STARTS_WITHIN)
        services["code"].await_healthy(STARTS_WITHIN)
        for name in ("dagster", "daemon"):
            running.enter_context(services[name].running())
        for name in ("dagster", "daemon", "backup"):
            services[name].await_healthy(STARTS_WITHIN)

        token = secret_of(machine, "metrics_token")
        asked = httpx.get(
            f"{machine.page('8000')}/metrics", headers={"Authorization": f"Bearer {token}"}
        )
        assert "upshot_database_up 1.0" in asked.text
        # The page hands a run to the daemon's queue, and the code server runs it.
        client = DagsterGraphQLClient("127.0.0.1", int(machine.places["3000"]))
        run_id = client.submit_job_execution("refresh")
        until = time.monotonic() + STARTS_WITHIN
        while (status := client.get_run_status(run_id).value) not in {"SUCCESS", "FAILURE"}:
            assert time.monotonic() < until, status
            time.sleep(0.5)
        assert status == "SUCCESS", services["code"].log.read_text()
        assert services["refresh"].process.poll() is None
    made = list(Path(machine.places["/backups"]).iterdir())
    assert [re.fullmatch(r"upshot-\d{8}T\d{6}Z\.dump", path.name) for path in made]
    for service in services.values():
        said = service.log.read_text()
        assert "Traceback" not in said, (service.name, said)
        # It is in files, and nowhere else.
        assert not any(secret_of(machine, name) in said for name in SECRETS)


def secret_of(machine: Machine, name: str) -> str:
    return Path(machine.places["/run/secrets"], name).read_text().strip()


def test_the_servers_own_healthcheck_is_as_written(machine: Machine) -> None:
    kind, command = compose()["services"]["postgres"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    (programs,) = {path for major, path in packaged_programs().items() if major == 18}
    ready = subprocess.run(
        ["sh", "-c", command],
        env={"PATH": f"{programs}:{os.environ['PATH']}", "PGHOST": machine.places["postgres"]},
        capture_output=True,
        check=False,
    )
    assert ready.returncode == 0, ready


def test_every_service_is_locked_up_and_starts_after_what_it_needs() -> None:
    services = compose()["services"]
    assert set(services) == OURS | OTHERS
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
        # `upshot refresh --watch` answers nobody; that changes grow old has an alert.
        assert ("healthcheck" in service) == (name not in {"migrate", "refresh"}), name
        for needed, how in service.get("depends_on", {}).items():
            runs_through = needed == "migrate"
            condition = "service_completed_successfully" if runs_through else "service_healthy"
            assert how["condition"] == condition, (name, needed)
            assert runs_through or "healthcheck" in services[needed]
    for name in OURS:
        assert services[name]["read_only"], name
    assert re.search(r"(?m)^USER upshot$", (REPOSITORY / "Dockerfile").read_text())


def test_every_secret_and_volume_is_used_and_declared() -> None:
    read = compose()
    services = read["services"].values()
    assert set(read["secrets"]) == {name for each in services for name in each.get("secrets", ())}
    assert {each["file"] for each in read["secrets"].values()} == {
        f"./secrets/{name}" for name in SECRETS
    }
    mounted = [volume.partition(":")[0] for each in services for volume in each.get("volumes", ())]
    assert set(read["volumes"]) == {name for name in mounted if not name.startswith(".")}
    for name in mounted:
        assert not name.startswith(".") or (REPOSITORY / name).is_file()
    # None is a variable's value, which `docker inspect` would show.
    for each in services:
        for name, value in each.get("environment", {}).items():
            assert not re.search("SECRET|PASSWORD|TOKEN", name) or value.startswith("/run/secrets/")
