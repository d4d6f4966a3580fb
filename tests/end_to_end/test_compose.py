"""compose.yaml is whole: tests/soak/test_drill.py runs the services as they are written there."""

import re

from compose_services import compose
from conftest import REPOSITORY
from deployment import SECRETS

OURS = {"migrate", "ingest", "refresh", "code", "dagster", "daemon", "backup"}
OTHERS = {"postgres", "prometheus", "grafana"}


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
