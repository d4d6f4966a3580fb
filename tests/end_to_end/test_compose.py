"""compose.yaml is whole: tests/soak/test_drill.py runs the services as they are written there."""

import os
import re
import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from citus_stand_in import STAND_IN
from compose_services import Service, compose
from conftest import REPOSITORY
from deployment import SECRETS, Machine, empty_machine

from ingest.embedded import packaged_programs

OURS = {"migrate", "ingest", "refresh", "code", "dagster", "daemon", "backup"}
CITUS = {"coordinator", "worker-1", "worker-2"}
OTHERS = {"postgres", "prometheus", "grafana", "nodes"} | CITUS
RUNS_THROUGH = {"migrate", "nodes"}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The database on one machine."""
    with empty_machine(tmp_path_factory.mktemp("old"), fsync="off") as machine:
        yield machine


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One PostgreSQL for the nodes of Citus: the containers' address of it leads here."""
    with empty_machine(tmp_path_factory.mktemp("citus"), fsync="off") as machine:
        places = {**machine.places, "coordinator": machine.places["postgres"]}
        with psycopg.connect(machine.url, autocommit=True) as connection:
            connection.execute(STAND_IN)
        yield machine._replace(places=places)


def with_clients(service: Service) -> Service:
    """Let it find psql and pg_dump, as in the image of a database."""
    (programs,) = {path for major, path in packaged_programs().items() if major == 18}
    service.environment["PATH"] = f"{programs}:{os.environ['PATH']}"
    return service


def of_coordinator(coordinator: Machine, name: str) -> Service:
    log = coordinator.logs / f"{name}.log"
    return Service(name, coordinator.places, log, {"UPSHOT_DATABASE_HOST": "coordinator"})


class TestCitus:
    """As far as it goes without the extension: what stands in for it notes what it is asked."""

    @pytest.mark.parametrize("name", sorted(CITUS))
    def test_a_node_has_the_settings_of_its_command(self, coordinator: Machine, name: str) -> None:
        program, *options = compose()["services"][name]["command"]
        assert program == "postgres"
        assert options[::2] == ["-c"] * (len(options) // 2)
        settings = dict(option.split("=") for option in options[1::2])
        coordinator.server.configure(**settings)
        coordinator.server.kill()
        coordinator.server.start()
        with psycopg.connect(coordinator.url) as connection:
            for setting, value in settings.items():
                shown = connection.execute(f"show {setting}".encode()).fetchone()
                assert shown == (value,)

    def test_the_nodes_are_known_raw_is_spread_and_what_was_there_moves(
        self, coordinator: Machine, old: Machine
    ) -> None:
        """By the commands of the services, and of the guide, as they are written."""
        nodes = with_clients(of_coordinator(coordinator, "nodes"))
        nodes.run()
        of_coordinator(coordinator, "migrate").run()
        with psycopg.connect(coordinator.url, autocommit=True) as connection:
            known = connection.execute("select nodename, nodeport, groupid from pg_dist_node")
            host = coordinator.places["coordinator"]
            expected = [(host, 5432, 0), ("worker-1", 5432, 1), ("worker-2", 5432, 2)]
            assert known.fetchall() == expected
            spread = connection.execute("select name from pg_dist_partition").fetchall()
            assert ("raw.sessions",) in spread
            logins = connection.execute("select command from ran_on_workers").fetchall()
            assert ("alter role upshot_reader login",) in logins

        old.service("migrate").run()
        with psycopg.connect(old.url, autocommit=True) as connection:
            connection.execute(
                "insert into raw.accounts select gen_random_uuid(), 'Moved', 'UTC',"
                " gen_random_uuid(), now(), now() from generate_series(1, 3)"
            )
            there = connection.execute("select * from raw.accounts order by account_id").fetchall()
        guide = (REPOSITORY / "docs" / "operating.md").read_text()
        (copying,) = re.findall(r"(?m)^docker compose exec postgres sh -c '(pg_dump .+)'$", guide)
        for place in ("coordinator", "/run/secrets"):
            copying = copying.replace(place, coordinator.places[place])
        # Within that container nobody asks for the password of the database that is there.
        own = {"PGHOST": old.places["postgres"], "PGPASSWORD": old.secret("database_password")}
        subprocess.run(["sh", "-c", copying], env=nodes.environment | own, check=True)
        with psycopg.connect(coordinator.url) as connection:
            copied = connection.execute("select * from raw.accounts order by account_id")
            assert copied.fetchall() == there

    def test_only_the_coordinator_reaches_the_workers(self) -> None:
        read = compose()
        assert read["networks"] == {"cluster": {"internal": True}}
        for name, service in read["services"].items():
            networks = service.get("networks", ["default"])
            assert ("cluster" in networks) == (name in CITUS), name
            trusts = service.get("environment", {}).get("POSTGRES_HOST_AUTH_METHOD") == "trust"
            assert trusts == (networks == ["cluster"]), name
            if name in CITUS:
                assert service["profiles"] == ["citus"]
                assert "ports" not in service
                assert service["image"] == "citusdata/citus:13.2.0"


def test_every_service_is_locked_up_and_starts_after_what_it_needs() -> None:
    services = compose()["services"]
    assert set(services) == OURS | OTHERS
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == ("no" if name in RUNS_THROUGH else "unless-stopped"), name
        # `upshot refresh --watch` answers nobody; that changes grow old has an alert.
        is_healthy = "test" in service.get("healthcheck", {})
        assert is_healthy == (name not in RUNS_THROUGH | {"refresh"}), name
        for needed, how in service.get("depends_on", {}).items():
            runs_through = needed in RUNS_THROUGH
            condition = "service_completed_successfully" if runs_through else "service_healthy"
            assert how["condition"] == condition, (name, needed)
            assert runs_through or "healthcheck" in services[needed]
            # What waits for a part of a profile is in it, or does without where that is not.
            of_profile = services[needed].get("profiles")
            is_there = of_profile is None or service.get("profiles") == of_profile
            assert how.get("required", True) == is_there, (name, needed)
    for name in OURS | CITUS | {"postgres", "nodes"}:
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
