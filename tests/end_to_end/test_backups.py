"""What was backed up and restored elsewhere is the same to the row, and exact."""

import random
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from conftest import BIN, Api, Serve, Upshot, with_changes
from events import event, named
from exactness import compare, snapshot
from killable_server import killable_server
from lives import FLOWS, USERS, WINDOW, a_life
from psycopg import sql
from psycopg.errors import LockNotAvailable

from ingest.refresh import refresh
from ingest.settings import Settings
from ingest.store.bi_users import BiUser, make_bi_user
from ingest.store.dumps import held_snapshot

# Roles are the server's, which other tests share.
BI_USER = f"bi_{uuid4().hex[:12]}"
ANALYST = f"Analyst {uuid4().hex[:12]}"
READS = (
    "/analytics/team",
    "/analytics/me",
    f"/analytics/flows/{FLOWS[0]}",
    "/sessions",
    "/comments",
)
WAITED_SECONDS = 60


class Source(NamedTuple):
    api: Api
    url: str
    backup: Path
    seen: dict[str, Any]
    """What the API and the tables had when it was backed up."""


def lives(seed: int, number: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    return [each for _ in range(number) for each in a_life(chance)]


def seen(api: Api) -> dict[str, Any]:
    """All that an account can ask, but for the moment it is of; and all rows of every table."""
    found: dict[str, Any] = {}
    marts = api("GET", "/marts", role="team_admin").json()["marts"]
    asked = [(path, {} if "comments" in path else WINDOW) for path in READS]
    asked += [(f"/marts/{each['name']}", {"limit": "all", "format": "csv"}) for each in marts]
    for path, window in asked:
        answer = api("GET", path, role="team_admin", user_id=USERS[0], params=window)
        assert answer.status_code == 200, (path, answer.text)
        if "marts" in path:
            found[path] = answer.text
            continue
        body = answer.json()
        body["meta"].pop("as_of")
        found[path] = body
    return found | tables(str(api.settings.database_url))


def differing(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return what is not the same: a name, and the first words of each."""
    names = [name for name in expected | found if expected.get(name) != found.get(name)]
    return [f"{name}: {str(each.get(name))[:500]}" for name in names for each in (expected, found)]


def tables(url: str) -> dict[str, Any]:
    """The rows of every table, and whose it is and who may do what."""
    found: dict[str, Any] = {}
    with psycopg.connect(url) as connection:
        connection.execute("set timezone = 'UTC'")
        listed = connection.execute(
            "select nspname, relname, relkind, relowner::regrole::text, relrowsecurity,"
            " reloptions, relacl::text[], pg_get_userbyid(nspowner)"
            " from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
            " where nspname in ('raw', 'access', 'staging', 'marts', 'live', 'dagster')"
            " and relkind in ('r', 'v') order by 1, 2"
        ).fetchall()
        for schema, name, kind, owner, locked, options, rights, schema_owner in listed:
            table = f"{schema}.{name}"
            is_ours = schema != "dagster"
            found[table] = (kind, locked, options, sorted(rights or []) if is_ours else None)
            if is_ours:
                found[f"{table} belongs to"] = (owner, schema_owner)
            if kind == "r" and table not in {"access.bi_users", "raw.quotas"}:
                rows = sql.SQL("select t::text from {} as t").format(sql.Identifier(schema, name))
                found[f"{table} has"] = sorted(row for (row,) in connection.execute(rows))
    return found


@pytest.fixture(scope="module")
def source(
    serve_module: Serve,
    new_live_settings: Callable[[], Settings],
    upshot: Upshot,
    tmp_path_factory: pytest.TempPathFactory,
) -> Source:
    """A database with stored figures, pending changes, a BI user, and rights of somebody else's."""
    settings = new_live_settings()
    url = str(settings.database_url)
    api = Api(serve_module(settings), settings)
    story = [event("account.upserted", account_id=api.account_id, name="A", time_zone="Asia/Tokyo")]
    story += [named(user_id) for user_id in USERS]
    steps = [{"step_id": step, "title": step, "position": 0} for step in "abc"]
    story += [event("flow.upserted", flow_id=flow, name="F", steps=steps) for flow in FLOWS]
    story += lives(1, 100)
    for begin in range(0, len(story), 400):
        assert api.post_events(story[begin : begin + 400]).status_code == 200
    refresh(settings, url)
    # Not refreshed: these stay in the log.
    assert api.post_events(lives(2, 40)).status_code == 200
    make_bi_user(url, BiUser(BI_USER, api.account_id), None)
    with psycopg.connect(url, autocommit=True) as connection:
        analyst = sql.Identifier(ANALYST)
        connection.execute(sql.SQL("create role {} login").format(analyst))
        connection.execute(sql.SQL("grant select on marts.daily_outcomes to {}").format(analyst))
        connection.execute("create table dagster.runs as select 1 as id, 'SUCCESS' as status")
        assert connection.execute("select count(*) > 20 from raw.changes").fetchone() == (True,)
    folder = tmp_path_factory.mktemp("backups")
    done = upshot("backup", str(folder / "whole.dump"), database=url)
    assert (done.returncode, done.stdout) == (0, f"{folder / 'whole.dump'}\n"), done.stderr
    return Source(api, url, folder / "whole.dump", seen(api))


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Another server, which has none of our roles, and a superuser of another name there."""
    with killable_server() as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("create role keeper login superuser")
            # Whoever is killed here is a process, not the machine.
            connection.execute("alter system set fsync = off")
            connection.execute("select pg_reload_conf()")
        yield urlunsplit(
            urlsplit(server.url)._replace(
                netloc=urlsplit(server.url).netloc.replace("postgres", "keeper", 1)
            )
        )


@pytest.fixture
def empty(elsewhere: str) -> str:
    """An empty database there."""
    return new_empty(elsewhere)


def new_empty(server: str, owner: str = "keeper") -> str:
    name = f"upshot_test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} owner {owner}".encode())
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def assert_exact(url: str) -> None:
    with snapshot(url) as connection:
        found = compare(connection)
    assert found.rows > 0
    assert found.wrong == []


def restored(upshot: Upshot, url: str, backup: Path, *options: str) -> str:
    done = upshot("restore", str(backup), *options, database=url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(done: subprocess.CompletedProcess[str], said: str) -> None:
    assert done.returncode == 1, done.stdout
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("upshot: ")


def test_every_figure_and_every_row_is_the_same_on_another_server(
    source: Source, upshot: Upshot, empty: str, serve: Serve
) -> None:
    said = restored(upshot, empty, source.backup)
    # Roles were made there, but no login, and no way in for a BI user.
    assert f"Made the role {ANALYST}, without a login" in said
    assert f"upshot bi-user {BI_USER} --account {source.api.account_id}" in said
    with psycopg.connect(empty) as connection:
        logins = connection.execute(
            "select rolcanlogin from pg_roles where rolname = any(%s)", ([ANALYST, BI_USER],)
        )
        assert logins.fetchall() == [(False,)]
        assert connection.execute("select count(*) from access.bi_users").fetchone() == (0,)
        temporary = "select has_database_privilege(0, oid, 'temporary') from pg_database"
        assert connection.execute(
            f"{temporary} where datname = current_database()".encode()
        ).fetchone() == (False,)
        # The planner knows what is there.
        sizes = "select reltuples > 0 from pg_class where oid = 'raw.sessions'::regclass"
        assert connection.execute(sizes.encode()).fetchone() == (True,)

    settings = with_changes(source.api.settings, database_url=empty)
    api = Api(serve(settings), settings, source.api.account_id)
    assert differing(source.seen, seen(api)) == []
    assert_exact(empty)

    # It goes on from there.
    session_id = uuid4()
    body = {"session_id": str(session_id), "flow_id": str(FLOWS[0])}
    assert api("POST", "/sessions", body).status_code == 201
    assert upshot("refresh", database=empty).returncode == 0
    assert upshot("check", database=empty).returncode == 0
    assert "migrated" in upshot("restore", str(source.backup), database=empty).stderr


def test_a_login_that_is_no_superuser_backs_up_and_restores(
    source: Source, upshot: Upshot, elsewhere: str, tmp_path: Path, serve: Serve
) -> None:
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute("drop role if exists operator")
        connection.execute("create role operator login createrole")
    url = new_empty(elsewhere, "operator")
    parts = urlsplit(url)
    url = urlunsplit(parts._replace(netloc=parts.netloc.replace("keeper", "operator", 1)))
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        # An administrator made the roles, for another database of the server.
        for role in ("owner", "writer", "transformer", "reader", "bi"):
            option = " with admin option" if role == "bi" else ""
            connection.execute(
                f"do $$ begin create role upshot_{role};"
                " exception when duplicate_object then null; end $$".encode()
            )
            connection.execute(f"grant upshot_{role} to operator{option}".encode())
    restored(upshot, url, source.backup)
    assert_exact(url)
    # Its own backup, as a folder, by two connections.
    done = upshot("backup", str(tmp_path / "folder"), "--jobs", "2", database=url)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o700
    again = new_empty(elsewhere)
    restored(upshot, again, tmp_path / "folder", "--jobs", "2")
    settings = with_changes(source.api.settings, database_url=again)
    assert differing(source.seen, seen(Api(serve(settings), settings, source.api.account_id))) == []


def test_a_backup_amid_writers_and_refreshes_is_of_one_moment(
    source: Source, upshot: Upshot, empty: str, tmp_path: Path
) -> None:
    api = source.api.of(uuid4())
    ended = threading.Event()

    def write(seed: int) -> int:
        for number in range(10_000):
            if ended.is_set():
                return number
            assert api.post_events(lives(seed + number, 5)).status_code == 200
        raise AssertionError

    def refresh_on() -> int:
        for number in range(10_000):
            if ended.is_set():
                return number
            refresh(api.settings, source.url)
        raise AssertionError

    with ThreadPoolExecutor() as threads:
        working = [threads.submit(write, seed) for seed in (100_000, 200_000)]
        working.append(threads.submit(refresh_on))
        try:
            time.sleep(0.5)
            done = upshot("backup", str(tmp_path / "amid.dump"), database=source.url)
        finally:
            ended.set()
        assert all(each.result() > 0 for each in working)
    assert done.returncode == 0, done.stderr
    restored(upshot, empty, tmp_path / "amid.dump")
    assert_exact(empty)


def test_no_table_is_replaced_between_the_snapshot_and_its_reading(source: Source) -> None:
    """A snapshot sees no rows in a table that is newer than it, and pg_dump would not notice."""
    with (
        held_snapshot(source.url) as held,
        psycopg.connect(source.url, autocommit=True) as connection,
    ):
        assert {"raw", "live", "marts", "public"} <= set(held.schemas)
        connection.execute("set lock_timeout = '50ms'")
        with pytest.raises(LockNotAvailable):
            connection.execute("drop table live.facts__stored cascade")


def test_nobody_else_reads_a_backup_and_an_old_one_is_not_written_over(
    source: Source, upshot: Upshot
) -> None:
    assert stat.S_IMODE(source.backup.stat().st_mode) == 0o600
    refused(upshot("backup", str(source.backup), database=source.url), "is there already")
    absent = source.backup.parent / "absent" / "x.dump"
    refused(upshot("backup", str(absent), database=source.url), "cannot be written")
    refused(upshot("backup", str(absent), "--keep", "2", database=source.url), "is no folder")


def test_a_folder_keeps_as_many_backups_as_it_is_told(
    source: Source, upshot: Upshot, tmp_path: Path
) -> None:
    old = [tmp_path / f"upshot-2026010{day}T030000Z.dump" for day in (1, 2, 3)]
    others = [tmp_path / "mine.dump", tmp_path / ".upshot-20260101T030000Z.dump.1.part"]
    for path in (*old, *others):
        path.touch()
    options = ("--keep", "2", "--without-dagster")
    done = upshot("backup", str(tmp_path), *options, database=source.url)
    made = Path(done.stdout.strip())
    assert {made, old[-1], *others} == set(tmp_path.iterdir())
    listed = upshot("restore", str(others[0]), database=source.url)
    refused(listed, "is not empty")


def test_without_dagster_its_schema_is_there_and_empty(
    source: Source, upshot: Upshot, empty: str, tmp_path: Path
) -> None:
    path = tmp_path / "without.dump"
    assert upshot("backup", str(path), "--without-dagster", database=source.url).returncode == 0
    restored(upshot, empty, path)
    with psycopg.connect(empty) as connection:
        found = connection.execute(
            "select to_regnamespace('dagster') is not null, to_regclass('dagster.runs') is null"
        )
        assert found.fetchone() == (True, True)


@pytest.mark.parametrize("part", [0, 0.01, 0.5, 0.999])
def test_a_truncated_backup_is_one_sentence_and_changes_nothing(
    source: Source, upshot: Upshot, empty: str, tmp_path: Path, part: float
) -> None:
    whole = source.backup.read_bytes()
    cut = tmp_path / "cut.dump"
    cut.write_bytes(whole[: int(len(whole) * part)])
    refused(upshot("restore", str(cut), database=empty), "is no whole backup")
    with psycopg.connect(empty) as connection:
        assert connection.execute("select to_regnamespace('raw')").fetchone() == (None,)


def test_what_is_no_backup_is_one_sentence(
    source: Source, upshot: Upshot, empty: str, tmp_path: Path
) -> None:
    refused(upshot("restore", str(tmp_path / "absent"), database=empty), "absent")
    other = tmp_path / "other.dump"
    other.write_bytes(b"nothing of the kind" * 100)
    refused(upshot("restore", str(other), database=empty), "is no whole backup")
    flipped = bytearray(source.backup.read_bytes())
    flipped[-len(flipped) // 50] ^= 0xFF
    other.write_bytes(bytes(flipped))
    refused(upshot("restore", str(other), database=empty), "is no whole backup")


def test_a_backup_that_is_stopped_leaves_nothing(source: Source, tmp_path: Path) -> None:
    with psycopg.connect(source.url) as connection:
        # It cannot lock this, so it waits.
        connection.execute("lock table raw.events in access exclusive mode")
        process = subprocess.Popen(
            [BIN / "upshot", "backup", tmp_path / "stopped.dump"],
            env={"UPSHOT_HOME": str(tmp_path / "home"), "UPSHOT_DATABASE_URL": source.url},
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + WAITED_SECONDS
        while not list(tmp_path.glob(".stopped*")):
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAITED_SECONDS) != 0
    assert [path for path in tmp_path.iterdir() if path.name != "home"] == []
