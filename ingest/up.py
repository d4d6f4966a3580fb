"""`upshot up`: everything on one machine, for trying it and for developing on it.

The API, Dagster and the refresher are programs of their own, started by their own commands.
"""

import asyncio
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID

import psutil
import typer

from ingest.auth import Identity, Role, issue_token
from ingest.chart_library import ChartLibrary
from ingest.console import Console
from ingest.dbt_runs import PROJECT
from ingest.demo import DemoTour, demo_tour
from ingest.demo_making import demo_is_unfinished, make_demo
from ingest.embedded import database_url
from ingest.refresh import build
from ingest.settings import Settings, SettingsError
from ingest.sign_in import is_demo
from ingest.store.migrate import migrate
from ingest.store.operations import (
    find_unrated_session,
    is_empty,
    known_accounts,
    libpq_variables,
    refresh_is_due,
    without_password,
)

HOST = "127.0.0.1"
START_SECONDS = 120
STOP_SECONDS = 30
TOKEN_DAYS = 30
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked for the end. Like KeyboardInterrupt, nobody on the way is to catch it."""


class Program(NamedTuple):
    """Something that runs beside us."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


def run_everything(settings: Settings, console: Console) -> None:
    """Start all of it, say where it is, and stay until SIGINT, SIGTERM or SIGHUP.

    Raises:
        SettingsError: a port is taken, the database cannot be used, a program did not start.
        DbtFailed: the marts could not be built.

    """
    _refuse_taken("UPSHOT_PORT", settings.port)
    _refuse_taken("UPSHOT_DAGSTER_PORT", settings.dagster_port)
    programs: list[Program] = []
    try:
        with _stopping_on_signals(), ExitStack() as stack:
            url = _prepare(settings, console, stack)
            # Before the database is left: the programs use it to their end.
            stack.callback(_stop, programs, console)
            environment = _environment(settings, url)
            for name, command in _commands(settings).items():
                programs.append(_run(settings, name, command, environment))
            with console.spinner("Starting the API and Dagster"):
                _await_answer(settings.port, "/health/ready", programs)
                _await_answer(settings.dagster_port, "/server_info", programs)
            typer.echo(_welcome(settings, url))
            while True:
                _check(programs)
                time.sleep(1)
    except Stopped:
        console.say("Stopped.")


def _prepare(settings: Settings, console: Console, stack: ExitStack) -> str:
    """Bring the database up, fill it if it is empty, and compute what is due."""
    where = "the embedded PostgreSQL" if settings.database_url is None else "the database"
    with console.spinner(f"Starting {where}"):
        url = stack.enter_context(database_url(settings))
        migrate(url)
    if not settings.production and (is_empty(url) or demo_is_unfinished(settings)):
        make_demo(settings, url, console)
    with console.spinner("Preparing the charts"):
        asyncio.run(ChartLibrary(settings.home).asset())
    if refresh_is_due(url):
        with console.steps("Building the marts") as progress:
            build(settings, url, progress)
    return url


def _refuse_taken(variable: str, port: int) -> None:
    with socket.socket() as probe:
        # As servers do: a port whose last connections linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} cannot be used ({error.strerror}): "
                f"choose another one with {variable}."
            ) from None


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """Turn the first signal to stop into Stopped; more of them do not disturb the stopping."""

    def stop(_: int, __: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    before = {each: signal.signal(each, stop) for each in STOPPING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _environment(settings: Settings, url: str) -> dict[str, str]:
    dagster_home = settings.home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    (dagster_home / "dagster.yaml").write_bytes(
        (PROJECT / "orchestration" / "dagster.yaml").read_bytes()
    )
    # The driver is named: SQLAlchemy takes another one by default than Dagster's storage speaks.
    storage = "postgresql+psycopg2:" + url.partition(":")[2]
    storage += "&" if "?" in url else "?"
    return (
        os.environ
        | libpq_variables(url)
        | {
            "UPSHOT_HOME": str(settings.home),
            "UPSHOT_DATABASE_URL": url,
            "UPSHOT_DATABASE_VOLUMES": _volumes(settings),
            "UPSHOT_DAGSTER_DATABASE_URL": storage + "options=" + quote("-csearch_path=dagster"),
            "DAGSTER_HOME": str(dagster_home),
            "DO_NOT_TRACK": "1",
            # dg asks for it before it trusts the environment that it runs in.
            "VIRTUAL_ENV": sys.prefix,
            "PYTHONUNBUFFERED": "1",
        }
    )


def _volumes(settings: Settings) -> str:
    own = settings.database_volumes
    if not own and settings.database_url is None:
        own = (settings.embedded_data,)
    return os.pathsep.join(map(str, own))


def _commands(settings: Settings) -> dict[str, list[str]]:
    programs = Path(sys.executable).parent
    at = ["--host", HOST, "--port"]
    return {
        "api": [
            str(programs / "uvicorn"), "--factory", "ingest.app:create_app",
            "--no-access-log", *at, str(settings.port),
        ],
        "dagster": [
            str(programs / "dg"), "dev", "--log-level", "warning",
            *at, str(settings.dagster_port),
        ],
        "refresh": [str(programs / "upshot"), "refresh", "--watch"],
    }  # fmt: skip


def _run(settings: Settings, name: str, command: list[str], environment: dict[str, str]) -> Program:
    log = settings.home / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        # In a session of its own: Ctrl-C at the terminal is for us, we stop them in order.
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Program(name, process, log)


def _check(programs: list[Program]) -> None:
    for program in programs:
        if program.process.poll() is not None:
            raise SettingsError(
                f"{program.name} ended with {program.process.returncode}; see {program.log}."
            )


def _await_answer(port: int, path: str, programs: list[Program]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        _check(programs)
        with (
            closing(HTTPConnection(HOST, port, timeout=5)) as connection,
            suppress(OSError, HTTPException),
        ):
            connection.request("GET", path)
            if connection.getresponse().status == HTTPStatus.OK:
                return
        time.sleep(0.2)
    raise SettingsError(f"http://{HOST}:{port}{path} did not answer within {START_SECONDS} s.")


def _stop(programs: list[Program], console: Console) -> None:
    """Ask each to stop, the last started first; end what is left of them after a while."""
    if not programs:
        return
    with console.spinner("Stopping the API and Dagster"):
        family = _family(programs)
        for program in reversed(programs):
            program.process.terminate()
        _await_end(family)
        # Once more: what was started in the meantime is none of the ones we waited for.
        left = [process for process in _family(programs) if not _has_ended(process)]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _await_end(left)
        for program in programs:
            program.process.wait()


def _await_end(family: list[psutil.Process]) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while not all(map(_has_ended, family)) and time.monotonic() < deadline:
        time.sleep(0.1)


def _has_ended(process: psutil.Process) -> bool:
    try:
        # A zombie has: who is left to collect it may never do so.
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _family(programs: list[Program]) -> list[psutil.Process]:
    """Return the programs and all they started, orphans too: they share a session."""
    sessions = {program.process.pid for program in programs}
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) in sessions:
                found.append(process)
    return found


def _welcome(settings: Settings, url: str) -> str:
    api = f"http://{HOST}:{settings.port}"
    lines = [
        "",
        "Upshot is running.",
        f"  Dashboard  {api}/" + ("   (signs in with one click)" if is_demo(settings) else ""),
        f"  API        {api}/api/v1"
        + (f"   (described at {api}/schema)" if settings.open_docs else ""),
        f"  Dagster    http://{HOST}:{settings.dagster_port}",
        f"  Database   {without_password(url)}",
        f"  Logs       {settings.home / 'logs'}",
        "",
    ]
    tour = demo_tour()
    if settings.jwt_secret is None:
        lines.append(f"Tokens are checked with the keys at {settings.jwks_url}.")
    elif settings.production or not known_accounts(url, [tour.account_id]):
        lines.append("Make a token with: upshot token --account ID --user ID --role ROLE")
    else:
        lines += _tour(settings, url, api, tour)
    return "\n".join([*lines, "", "Ctrl-C stops everything; the data stays.", ""])


def _tour(settings: Settings, url: str, api: str, tour: DemoTour) -> list[str]:
    """Return a token per role, and lines to paste: as the tour's engineer and the team's admin."""
    users: dict[Role, UUID] = {
        "engineer": tour.engineer_id,
        "team_admin": tour.admin_id,
        "super_admin": tour.admin_id,
        "service": tour.admin_id,
    }
    lines = [f"A token per role, of the demo account {tour.account_id}, for {TOKEN_DAYS} days:"]
    headers: dict[Role, Path] = {}
    for role, user_id in users.items():
        identity = Identity(user_id=user_id, account_id=tour.account_id, role=role)
        token = issue_token(settings, identity, timedelta(days=TOKEN_DAYS))
        headers[role] = _header_file(settings, role, token)
        lines.append(f"  {role:<12} {token}")

    lines += ["", "Try, in another terminal:", "  # how the team does"]
    lines.append(_curl(headers["team_admin"], f"{api}/api/v1/analytics/team?period=7d"))
    unrated = find_unrated_session(url, tour.account_id, tour.engineer_id)
    if unrated:
        lines.append("  # rate a session; the next answer has it")
        body = '{"rating": 5, "comment": "Solved in two minutes."}'
        lines.append(_curl(headers["engineer"], f"{api}/api/v1/sessions/{unrated}/rate", body))
    lines.append("  # how a flow does, step by step, and what people say")
    address = f"{api}/api/v1/analytics/flows/{tour.flow_id}?period=30d"
    return [*lines, _curl(headers["engineer"], address)]


def _header_file(settings: Settings, role: Role, token: str) -> Path:
    """Keep the token as a header that curl can read: the lines to paste stay short."""
    path = settings.home / "tokens" / role
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(f"Authorization: Bearer {token}\n")
    return path


def _curl(header: Path, address: str, body: str | None = None) -> str:
    sent = f" -H 'Content-Type: application/json' -d '{body}'" if body else ""
    return f"  curl -sS -H {shlex.quote(f'@{header}')}{sent} '{address}'"
