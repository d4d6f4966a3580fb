"""The `upshot` command: what it does, and the one sentence when it cannot."""

import gzip
import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from conftest import BIN, Upshot
from databases import Server
from events import event, named

from ingest.auth import Identity, read_token
from ingest.bulk import MOST_EVENTS
from ingest.keys import SharedSecret
from ingest.problems import Unauthorized
from ingest.settings import Settings, read_settings
from ingest.store.operations import libpq_variables, without_password

ACCOUNT = str(uuid4())
SECRET = "s" * 40
KNOWN_SECRET = "a-string-secret-at-least-256-bits-long"
KEYS = "https://login.example/keys"


def ndjson(*events: object) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def assert_one_sentence(done: subprocess.CompletedProcess[str], *said: str) -> None:
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    for words in said:
        assert words in done.stderr
    assert done.stdout == ""


# --- help and settings ----------------------------------------------------------------------------

COMMANDS = (
    "up",
    "migrate",
    "token",
    "load",
    "refresh",
    "backup",
    "restore",
    "bi-user",
    "demo",
    "env",
)


def test_every_command_explains_itself(upshot: Upshot) -> None:
    listed = upshot("--help").stdout
    for command in COMMANDS:
        assert re.search(rf"^\W*{command}\s+\w+", listed, re.MULTILINE), command
        done = upshot(command, "--help")
        assert done.returncode == 0
        assert f"upshot {command}" in done.stdout


IN_PRODUCTION = {
    "UPSHOT_ENV": "production",
    "UPSHOT_JWT_SECRET": sha256(b"of no other use").hexdigest(),
    "HOME": "/nowhere",
}
KNOWN_TO_ALL = (
    {"UPSHOT_DATABASE_URL": "postgresql://ann:changeme@127.0.0.1:1/x"},
    {"UPSHOT_DATABASE_URL": "postgresql://ann:Upshot@127.0.0.1:1/x"},
    {"UPSHOT_DATABASE_URL": "postgresql://ann:ann@127.0.0.1:1/x"},
    {"UPSHOT_DATABASE_URL": "postgresql://ann@127.0.0.1:1/x"},
    {"UPSHOT_DATABASE_URL": "postgresql://127.0.0.1:1/x?user=ann&password=postgres"},
    {"UPSHOT_DATABASE_URL": "postgresql://", "PGHOST": "db", "PGPASSWORD": "password"},
    {"UPSHOT_DATABASE_URL": "postgresql://", "PGHOST": "db", "PGUSER": "ann"},
)
OF_OUR_OWN = (
    {"UPSHOT_DATABASE_URL": "postgresql://ann:from%20a%20vault@db/x"},
    {"UPSHOT_DATABASE_URL": "postgresql://", "PGHOST": "db", "PGPASSWORD": "from a vault"},
    {"UPSHOT_DATABASE_URL": "postgresql://ann@db/x?passfile=/run/secrets/pgpass"},
    {"UPSHOT_DATABASE_URL": "postgresql://ann@db/x", "PGSSLCERT": "/run/secrets/ann.crt"},
    {"UPSHOT_DATABASE_URL": "postgresql://ann@/x?host=/run/postgresql"},
    {"UPSHOT_DATABASE_URL": "postgresql:///x"},
)


@pytest.mark.parametrize("own", OF_OUR_OWN, ids=str)
def test_a_database_of_our_own_is_taken_in_production(own: dict[str, str], tmp_path: Path) -> None:
    read = read_settings(IN_PRODUCTION | {"UPSHOT_HOME": str(tmp_path)} | own)
    assert read.database_url == own["UPSHOT_DATABASE_URL"]


@pytest.mark.parametrize("known", KNOWN_TO_ALL, ids=str)
def test_elsewhere_it_may_be_known_to_all(known: dict[str, str], tmp_path: Path) -> None:
    assert read_settings({"UPSHOT_HOME": str(tmp_path)} | known).database_url


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"UPSHOT_PORT": "http"}, "UPSHOT_PORT"),
        ({"UPSHOT_PORT": "70000"}, "UPSHOT_PORT"),
        ({"UPSHOT_DATABASE_URL": "mysql://localhost/x"}, "UPSHOT_DATABASE_URL"),
        ({"UPSHOT_DATABASE_URL": "postgresql://[bad"}, "database cannot be used"),
        ({"UPSHOT_DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "database cannot be used"),
        ({"UPSHOT_HOME": "/dev/null/home"}, "UPSHOT_HOME"),
        ({"UPSHOT_HOME": "/tmp/upshot with a space"}, "UPSHOT_HOME"),
        ({"UPSHOT_PORT": "3000"}, "UPSHOT_DAGSTER_PORT"),
        ({"UPSHOT_JWT_SECRET": "short"}, "UPSHOT_JWT_SECRET"),
        ({"UPSHOT_ENV": "live"}, "UPSHOT_ENV"),
        ({"UPSHOT_ENV": "production"}, "UPSHOT_JWT_SECRET"),
        ({"UPSHOT_ENV": "production", "UPSHOT_JWT_SECRET": "demo-" + SECRET}, "UPSHOT_JWT_SECRET"),
        ({"UPSHOT_ENV": "production", "UPSHOT_JWT_SECRET": "a7" * 32}, "can be guessed"),
        ({"UPSHOT_ENV": "production", "UPSHOT_JWT_SECRET": KNOWN_SECRET}, "can be guessed"),
        ({"UPSHOT_JWKS_URL": KEYS, "UPSHOT_JWT_SECRET": SECRET}, "UPSHOT_JWKS_URL"),
        ({"UPSHOT_JWKS_URL": "http://login.example/keys"}, "UPSHOT_JWKS_URL"),
        ({"UPSHOT_JWKS_URL": "http://127.0.0.1.login.example/keys"}, "UPSHOT_JWKS_URL"),
        ({"UPSHOT_JWKS_URL": "file:///etc/passwd"}, "UPSHOT_JWKS_URL"),
        ({"UPSHOT_JWKS_URL": "https://us:er@login.example/keys"}, "UPSHOT_JWKS_URL"),
        ({"UPSHOT_JWKS_URL": "https://login.example:port/keys"}, "UPSHOT_JWKS_URL"),
        ({"UPSHOT_OPEN_DOCS": "yes"}, "UPSHOT_OPEN_DOCS"),
        *((IN_PRODUCTION | known, "one of your own") for known in KNOWN_TO_ALL),
    ],
    ids=str,
)
def test_a_bad_setting_is_one_sentence(
    upshot: Upshot, variables: dict[str, Any], said: str
) -> None:
    done = upshot("migrate", **variables)
    assert_one_sentence(done, said)
    assert len(done.stderr.strip().splitlines()) == 1


# --- token ----------------------------------------------------------------------------------------


def read_with(settings: Settings, token: str) -> Identity:
    return read_token(settings, SharedSecret(settings.jwt_secret or "").key, token)


def test_token_prints_the_token_alone(upshot: Upshot) -> None:
    user = str(uuid4())
    arguments = ["token", "--account", ACCOUNT, "--user", user, "--role", "team_admin"]
    done = upshot(*arguments, UPSHOT_JWT_SECRET=SECRET)
    settings = read_settings({"UPSHOT_JWT_SECRET": SECRET})
    who = read_with(settings, done.stdout.removesuffix("\n"))
    assert (who.account_id, who.user_id, who.role) == (UUID(ACCOUNT), UUID(user), "team_admin")
    with pytest.raises(Unauthorized):
        read_with(read_settings({"UPSHOT_JWT_SECRET": "t" * 40}), done.stdout.strip())


def test_the_demo_secret_is_made_once_and_kept(upshot: Upshot, tmp_path: Path) -> None:
    arguments = ["token", "--account", ACCOUNT, "--user", ACCOUNT, "--role", "engineer"]
    token = upshot(*arguments, UPSHOT_HOME=str(tmp_path / "new")).stdout.strip()
    read_with(read_settings({"UPSHOT_HOME": str(tmp_path / "new")}), token)
    assert (tmp_path / "new" / "jwt_secret").stat().st_mode & 0o077 == 0


def test_token_cannot_issue_what_somebody_else_signs(upshot: Upshot) -> None:
    arguments = ["token", "--account", ACCOUNT, "--user", ACCOUNT, "--role", "engineer"]
    done = upshot(*arguments, UPSHOT_JWKS_URL=KEYS)
    assert_one_sentence(done, "UPSHOT_JWKS_URL")


@pytest.mark.parametrize(
    ("account", "role"), [("nobody", "engineer"), (ACCOUNT, "king")], ids=["account", "role"]
)
def test_token_refuses_what_no_token_can_say(upshot: Upshot, account: str, role: str) -> None:
    assert_one_sentence(upshot("token", "--account", account, "--user", ACCOUNT, "--role", role))


# --- migrate --------------------------------------------------------------------------------------


def test_migrations_apply_once_by_two_at_once(server: Server, upshot: Upshot) -> None:
    name = f"upshot_test_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(f"create database {name}".encode())
        url = server.of(name)
        try:
            both = [
                subprocess.Popen(
                    [BIN / "upshot", "migrate"],
                    stdout=subprocess.PIPE,
                    text=True,
                    env={"UPSHOT_DATABASE_URL": url, "UPSHOT_HOME": "/tmp", "PATH": "/usr/bin"},
                )
                for _ in range(2)
            ]
            said = sorted(process.communicate(timeout=60)[0] for process in both)
            assert [process.returncode for process in both] == [0, 0]
            assert said[0] == "Nothing to apply.\n"
            assert said[1].startswith("applied 0001.raw\n")
            assert upshot("migrate", database=url).stdout == "Nothing to apply.\n"
        finally:
            connection.execute(f"drop database {name} with (force)".encode())


def test_a_lock_left_by_a_killed_migration_does_not_last(database_url: str, upshot: Upshot) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into yoyo_lock (locked, ctime, pid) values (1, now(), 1)")
    assert upshot("migrate", database=database_url).returncode == 0


# --- load -----------------------------------------------------------------------------------------


def load(
    upshot: Upshot, url: str, *files: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    return upshot("load", "--account", ACCOUNT, *files, database=url, stdin=stdin)


@pytest.mark.parametrize("shape", ["ndjson", "array", "gzip", "stdin", "gzip on stdin"])
def test_load_reads_every_shape_of_file(
    upshot: Upshot, database_url: str, tmp_path: Path, shape: str
) -> None:
    events = [named() for _ in range(3)]
    content = json.dumps(events, indent=1).encode() if shape == "array" else ndjson(*events)
    content = gzip.compress(content) if "gzip" in shape else content
    path = tmp_path / "events"
    path.write_bytes(content)
    name, stdin = ("-", content) if "stdin" in shape else (str(path), b"")
    for said in ("3 created, 0 duplicate, 0 rejected\n", "0 created, 3 duplicate, 0 rejected\n"):
        done = load(upshot, database_url, name, stdin=stdin)
        assert (done.returncode, done.stdout) == (0, said), done.stderr


def test_rejected_lines_are_told_with_number_and_reason(
    upshot: Upshot, database_url: str, tmp_path: Path
) -> None:
    other = event("account.upserted", account_id=uuid4(), name="Theirs", time_zone="UTC")
    path = tmp_path / "events.ndjson"
    path.write_bytes(ndjson(named()) + b"\n{broken\n" + ndjson(other, named(name="")))
    done = load(upshot, database_url, str(path))
    assert (done.returncode, done.stdout) == (1, "1 created, 0 duplicate, 3 rejected\n")
    told = [line for line in done.stderr.splitlines() if line.startswith(str(path))]
    assert [line.removeprefix(f"{path}:").partition(":")[0] for line in told] == ["3", "4", "5"]
    assert "not JSON" in told[0]
    assert "another account" in told[1]
    assert "/data/name" in told[2]


def test_more_than_a_chunk_is_loaded_once(
    upshot: Upshot, database_url: str, tmp_path: Path
) -> None:
    """An id that comes again with another payload is rejected, however far away the first is."""
    events = [named() for _ in range(MOST_EVENTS + 1_234)]
    again = [events[0], events[0] | {"occurred_at": "2026-03-02T09:30:00Z"}, events[-1]]
    path = tmp_path / "events.ndjson"
    path.write_bytes(ndjson(*events, *again))
    done = load(upshot, database_url, str(path))
    assert done.stdout == f"{len(events)} created, 2 duplicate, 1 rejected\n"
    assert f"{path}:{len(events) + 2}: This event id came before" in done.stderr
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("select count(*) from raw.users").fetchone()
        assert rows == (len(events),)


def test_what_the_database_refuses_is_told_and_its_neighbours_are_loaded(
    upshot: Upshot, database_url: str
) -> None:
    events = [named() for _ in range(100)]
    for place in (17, 18, 80):
        events[place] = named(name="poison")
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("alter table raw.users add constraint poison check (name <> 'poison')")
        done = load(upshot, database_url, "-", stdin=ndjson(*events))
        assert (done.returncode, done.stdout) == (1, "97 created, 0 duplicate, 3 rejected\n")
        told = re.findall(r"^standard input:(\d+): .*could not take", done.stderr, re.MULTILINE)
        assert told == ["18", "19", "81"]
        assert owner.execute("select count(*) from raw.events").fetchone() == (97,)

        owner.execute("alter table raw.users drop constraint poison")
        again = load(upshot, database_url, "-", stdin=ndjson(*events))
        assert again.stdout == "3 created, 97 duplicate, 0 rejected\n"


def test_what_came_before_the_place_where_a_file_breaks_off_is_loaded(
    upshot: Upshot, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "events"
    events = [named() for _ in range(3)]
    path.write_bytes(json.dumps(events).encode()[:-1] + b", {]")
    assert_one_sentence(load(upshot, database_url, str(path)), "not an array of events")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from raw.users").fetchone() == (3,)


def test_a_load_that_was_killed_goes_on(upshot: Upshot, database_url: str, tmp_path: Path) -> None:
    events = [named() for _ in range(3 * MOST_EVENTS)]
    path = tmp_path / "events.ndjson"
    path.write_bytes(ndjson(*events))
    command = [str(BIN / "upshot"), "load", "--account", ACCOUNT, str(path)]
    environment = os.environ | {"UPSHOT_DATABASE_URL": database_url}
    with (
        subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process,
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        while connection.execute("select exists (select from raw.events)").fetchone() != (True,):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
        process.wait()
        before = connection.execute("select count(*) from raw.users").fetchone()
        assert before is not None
        assert before[0] < len(events)
    done = load(upshot, database_url, str(path))
    rest = len(events) - before[0]
    assert done.stdout == f"{rest} created, {before[0]} duplicate, 0 rejected\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(ndjson(named()))[:-12], "cannot be read"),
        (b"\x1f\x8bnonsense", "cannot be read"),
        (b"[{]", "not an array of events"),
        (b'["\xff"]', "not an array of events"),
    ],
    ids=["cut gzip", "no gzip", "broken array", "no utf-8"],
)
def test_an_unreadable_file_is_one_sentence(
    upshot: Upshot, database_url: str, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "events"
    path.write_bytes(content)
    assert_one_sentence(load(upshot, database_url, str(path)), str(path), said)


def test_an_absent_file_is_one_sentence(upshot: Upshot, database_url: str, tmp_path: Path) -> None:
    assert_one_sentence(load(upshot, database_url, str(tmp_path / "absent")), "No such file")
    assert_one_sentence(load(upshot, database_url, str(tmp_path)), "directory")


# --- refresh, demo, env ---------------------------------------------------------------------------


def test_a_database_that_is_not_migrated_is_one_sentence(server: Server, upshot: Upshot) -> None:
    name = f"upshot_test_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(f"create database {name}".encode())
        url = server.of(name)
        try:
            for command in (["refresh"], ["demo"], ["load", "--account", ACCOUNT, "-"]):
                done = upshot(*command, database=url, stdin=ndjson(named()))
                assert_one_sentence(done, "upshot migrate")
        finally:
            connection.execute(f"drop database {name} with (force)".encode())


def test_a_refresh_clears_the_change_log_and_a_failed_one_keeps_it(
    upshot: Upshot, new_warehouse: Callable[[], str]
) -> None:
    database_url = new_warehouse()

    def changes() -> int:
        with psycopg.connect(database_url) as connection:
            row = connection.execute("select count(*) from raw.changes").fetchone()
            assert row is not None
            return int(row[0])

    event = named() | {
        "type": "session.started",
        "data": {name: str(uuid4()) for name in ("session_id", "flow_id", "user_id")},
    }
    assert load(upshot, database_url, "-", stdin=ndjson(event)).returncode == 0
    assert changes() == 1
    # No statement of dbt gets through within a millisecond.
    failed = upshot("refresh", database=f"{database_url}&options=-cstatement_timeout%3D1")
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert changes() == 1
    assert upshot("refresh", database=database_url).returncode == 0
    assert changes() == 0


def test_the_demo_is_made_once(upshot: Upshot, database_url: str) -> None:
    first = upshot("demo", "--sessions", "60", database=database_url)
    assert re.match(r"\d+ events created", first.stdout), first.stderr
    assert_one_sentence(upshot("demo", database=database_url), "already")


def test_a_demo_that_was_interrupted_goes_on(
    upshot: Upshot, database_url: str, tmp_path: Path
) -> None:
    home: Any = {"UPSHOT_HOME": str(tmp_path)}
    command = [str(BIN / "upshot"), "demo", "--sessions", "3000"]
    environment = os.environ | home | {"UPSHOT_DATABASE_URL": database_url}
    with (
        subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process,
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        while connection.execute("select count(*) > 500 from raw.events").fetchone() != (True,):
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
        process.wait()
        again = upshot("demo", database=database_url, **home)
        assert again.returncode == 0, again.stderr
        started = "select count(*) from raw.sessions where started_at is not null"
        assert connection.execute(started).fetchone() == (3000,)
    assert_one_sentence(upshot("demo", database=database_url, **home), "already")


def test_a_password_is_not_shown() -> None:
    shown = without_password("postgresql://me:secret@db:5432/upshot?sslmode=require")
    assert shown == "postgresql://me:***@db:5432/upshot?sslmode=require"


def test_env_is_what_a_shell_and_libpq_read(upshot: Upshot, database_url: str) -> None:
    script = f"{upshot('env', database=database_url).stdout}\nenv"
    shell = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env={}
    )
    variables = dict(line.split("=", 1) for line in shell.stdout.splitlines())
    assert libpq_variables(database_url).items() <= variables.items()
