"""The deployment of compose.yaml on this machine: its services, and a server they are given."""

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar
from urllib.parse import parse_qs, urlsplit

import psycopg
from api_processes import free_port
from compose_services import Service
from conftest import REPOSITORY, Api, with_changes
from killable_server import KillableServer, killable_server
from psycopg import sql

from ingest.settings import Settings

SECRETS = ("jwt_secret", "database_password", "metrics_token", "grafana_password")

T = TypeVar("T")


class Machine(NamedTuple):
    """What the containers' addresses and folders are here."""

    places: dict[str, str]
    url: str
    logs: Path
    server: KillableServer

    def service(self, name: str) -> Service:
        return Service(name, self.places, self.logs / f"{name}.log")

    def page(self, port: str) -> str:
        return f"http://127.0.0.1:{self.places[port]}"

    def secret(self, name: str) -> str:
        return Path(self.places["/run/secrets"], name).read_text().strip()

    def api(self, settings: Settings) -> Api:
        """The API, as an account of its own meets it."""
        return Api(self.page("8000"), with_changes(settings, jwt_secret=self.secret("jwt_secret")))


@contextmanager
def empty_machine(
    root: Path, *, volume: Path | None = None, **configuration: str
) -> Iterator[Machine]:
    """An empty server, as the image of PostgreSQL would leave it, secrets in files, volumes.

    Args:
        root: a folder for all of it.
        volume: where the server's files are, if not in a folder of its own.
        configuration: of the server.
    """
    folders = {place: root / place.strip("/") for place in ("/data", "/backups", "/postgres")}
    folders["/run/secrets"] = root / "secrets"
    for folder in folders.values():
        folder.mkdir()
    if volume is not None:
        folders["/postgres"] = volume
    made = {name: secrets.token_urlsafe(48) for name in SECRETS}
    for name, secret in made.items():
        (root / "secrets" / name).write_text(f"{secret}\n")
    (root / "data" / "dagster").mkdir()
    shutil.copy(REPOSITORY / "orchestration" / "dagster.yaml", root / "data" / "dagster")
    with killable_server(volume) as server:
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
            for name, value in configuration.items():
                setting = sql.SQL("alter system set {} = {}")
                connection.execute(setting.format(sql.Identifier(name), sql.Literal(value)))
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
            server=server,
        )


class Engine:
    """What keeps services running as an engine does: who ends is started again, unless held."""

    def __init__(self, services: dict[str, Service]) -> None:
        self.services = services
        self.started_again: list[str] = []
        """Those that ended by themselves."""
        self._held: set[str] = set()

    def kill(self, name: str) -> None:
        """Kill a service, and start it no more."""
        self._held.add(name)
        self.services[name].kill()

    def start(self, name: str) -> None:
        self.services[name].start()
        self._held.discard(name)

    def look(self) -> None:
        """Start again whoever has ended."""
        for name, service in self.services.items():
            if name not in self._held and service.process.poll() is not None:
                self.started_again.append(name)
                service.kill()
                service.start()

    def until(self, found: Callable[[], T | Literal[False] | None], seconds: float, what: str) -> T:
        """Keep them running until something is found, which may take so long; return it."""
        until = time.monotonic() + seconds
        while not (result := found()):
            assert time.monotonic() < until, what
            self.look()
            time.sleep(0.1)
        return result
