"""The operator's guide, from top to bottom: what needs no engine is run as it stands."""

import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from api_processes import free_port
from compose_services import compose, dockerfile
from conftest import REPOSITORY
from killable_server import killable_server

from ingest.embedded import packaged_programs

GUIDE = REPOSITORY / "docs" / "operating.md"
API = "uvicorn"
WAITED_SECONDS = 300


class Snippet(NamedTuple):
    mark: str
    text: str


def snippets() -> list[Snippet]:
    found = re.findall(r"(?ms)^```sh ?(\w*)\n(.*?)^```$", GUIDE.read_text())
    return [Snippet(mark, text) for mark, text in found]


def one_line(command: str | list[str]) -> str:
    text = command if isinstance(command, str) else " ".join(command).removeprefix("sh -c ")
    return " ".join(text.replace("0.0.0.0", "127.0.0.1").split())


@contextmanager
def over_tcp(path: Path) -> Iterator[int]:
    """Let a port of this machine lead to a server that listens at a Unix socket; yield it."""

    def pass_on(source: socket.socket, sink: socket.socket) -> None:
        with source, sink:
            try:
                while chunk := source.recv(65_536):
                    sink.sendall(chunk)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # one of them is gone

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(path))
            for pair in ((client, server), (server, client)):
                ends = [each.dup() for each in pair]
                threading.Thread(target=pass_on, args=ends, daemon=True).start()
            client.close()
            server.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of the project, in which the guide makes another."""
    folder = tmp_path / "project"
    folder.mkdir()
    for entry in REPOSITORY.iterdir():
        if entry.name not in {".git", ".env", "secrets"}:
            (folder / entry.name).symlink_to(entry)
    return folder


def test_the_snippets_in_their_order(project: Path, tmp_path: Path) -> None:
    """Secrets, login, migration, API, health, an account, a backup, and the drill."""
    with killable_server() as server:
        folder = Path(parse_qs(urlsplit(server.url).query)["host"][0])
        with over_tcp(folder / ".s.PGSQL.5432") as port:
            places = {
                "/var/lib/upshot": str(tmp_path / "home"),
                "@127.0.0.1/": f"@127.0.0.1:{port}/",
                "8000": str(free_port()),
            }
            done = run(script(places, folder), project, places["8000"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Live, stored and recomputed figures are the same." in done.stdout
    assert '"name":"Acme Support"' in done.stdout
    status = (project / "status.txt").read_text().splitlines()
    assert [line.split()[1] for line in status if not line.startswith("ok")] == ["Dagster"], status
    made = list((tmp_path / "home" / "backups").iterdir())
    assert len(made) == 1
    names = sorted(path.name for path in (project / "secrets").iterdir())
    assert names == sorted(compose()["secrets"])


def script(places: dict[str, str], server: Path) -> str:
    """The guide as one program, with the API in the background from where it is started."""
    # Background jobs of their own: each takes its signals as if alone.
    lines = ["set -euo pipefail", "set -m"]
    for mark, text in snippets():
        mapped = text
        for place, here in places.items():
            mapped = mapped.replace(place, here)
        if mark == "":
            lines.append(mapped)
        elif mark == "status":
            # Dagster runs in another test; that it does not here is all there is to say.
            lines.append(f"({mapped}) | tee status.txt || true")
        elif mark == "admin":
            lines.append(f"(\nexport PGHOST={server} PGUSER=postgres\n{mapped})")
        elif mark == "service" and API in mapped:
            ready = f"http://127.0.0.1:{places['8000']}/health/ready"
            lines += [
                f"({mapped}) > api.log 2>&1 &",
                "trap 'kill %1; wait' EXIT",
                f"for _ in $(seq 600); do curl -sf {ready} && break; sleep 0.1; done",
            ]
    return "\n".join(lines)


def run(program: str, folder: Path, port: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UPSHOT_", "PG", "DBT_", "DAGSTER_"))
    }
    inherited["UPSHOT_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    # PostgreSQL's client programs are there.
    path = f"{packaged_programs()[18]}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", program],
        cwd=folder,
        env=inherited | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=WAITED_SECONDS,
        check=False,
    )


def test_the_services_are_those_of_the_containers() -> None:
    """A test of theirs runs them by these commands."""
    services = compose()["services"]
    _, image = dockerfile()
    named = ("ingest", "refresh", "code", "dagster", "daemon")
    expected = [one_line(services[name].get("command", image)) for name in named]
    assert expected == [one_line(text) for mark, text in snippets() if mark == "service"]


def test_what_is_said_to_compose_is_there() -> None:
    services = compose()["services"]
    profiles = {each for service in services.values() for each in service.get("profiles", ())}
    said = [line for mark, text in snippets() if mark == "compose" for line in text.splitlines()]
    asked = [line for line in said if line.startswith("docker compose")]
    assert len(asked) > 5
    for line in asked:
        assert set(re.findall(r"--profile (\w+)", line)) <= profiles
        for names in re.findall(r" (?:stop|exec|run --rm --no-deps) ((?:[a-z]+ ?)+)", line):
            chosen = names.split() if " stop " in line else names.split()[:1]
            assert set(chosen) <= set(services), line


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", GUIDE.read_text()):
        name, _, anchor = target.partition("#")
        text = (GUIDE.parent / name if name else GUIDE).read_text()
        headings = re.findall(r"(?m)^#+ (.+)$", text)
        anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
        assert not anchor or anchor in anchors, target


def test_no_snippet_is_left_out() -> None:
    assert {mark for mark, _ in snippets()} == {
        "",
        "admin",
        "install",
        "service",
        "status",
        "compose",
    }
    languages = set(re.findall(r"(?m)^```(\w+)", GUIDE.read_text()))
    assert languages == {"sh", "ini"}
    assert shutil.which("curl")
