"""What an application's own database says is in Upshot's figures after `upshot sync`."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from conftest import BIN, Upshot

from ingest.settings import SettingsError
from ingest.sync.mapping import read_mapping
from ingest.sync.rows import to_uuid

# Ids of the application's own kind, and a UUID where it has one.
TABLES: LiteralString = """
create table accounts (
    id bigint primary key, name text not null, time_zone text not null,
    updated_at timestamptz not null default now()
);
create table users (
    id bigint primary key, account_id bigint not null, name text not null, role text not null,
    updated_at timestamptz not null default now()
);
create table trees (
    id bigint primary key, account_id bigint not null, name text not null, nodes jsonb,
    updated_at timestamptz not null default now()
);
create table sessions (
    id uuid primary key, tree_id bigint not null, user_id bigint not null,
    started_at timestamptz not null, completed_at timestamptz, outcome text
);
create table step_ratings (
    session_id uuid not null, node_id text not null, user_id bigint not null,
    was_helpful boolean, updated_at timestamptz not null default now(),
    primary key (session_id, node_id, user_id)
);
create table session_ratings (
    session_id uuid primary key, rating integer not null, comment text,
    created_at timestamptz not null default now()
);
insert into accounts values (1, 'Acme', 'Europe/Berlin'), (2, 'Other', 'UTC');
insert into users values (7, 1, 'Dana', 'admin'), (8, 2, 'Eve', 'member');
insert into trees values
    (40, 1, 'Router', '[{"id": "check-cable", "title": "Check the cable"}]'),
    (50, 2, 'Printer', null);
insert into sessions
select md5(n::text)::uuid, 40, 7, now() - n * interval '1 hour',
    now() - n * interval '1 hour' + interval '9 minutes', 'resolved'
from generate_series(1, 30) as n;
insert into sessions values (md5('other')::uuid, 50, 8, now() - interval '1 day', null, null);
insert into step_ratings select id, 'check-cable', 7, true from sessions where tree_id = 40;
insert into session_ratings select id, 5, 'Quick.' from sessions where completed_at is not null;
"""
SESSIONS = 25_000
MANY: LiteralString = """
truncate sessions, step_ratings, session_ratings;
insert into sessions
select md5(n::text)::uuid, 40, 7, now() - n * interval '1 minute', null, null
from generate_series(1, 25000) as n
"""
COUNTS: LiteralString = """
select
    (select count(*) from raw.sessions where started_at is not null),
    (select count(*) from raw.sessions where completed_at is not null),
    (select count(*) from raw.session_ratings),
    (select count(*) from raw.step_feedback where was_helpful)
"""


@pytest.fixture
def application(new_database: Callable[[], str]) -> str:
    """The URL of a database with an application's tables: Upshot's own are in its way nowhere."""
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)
        # It may write days as it likes.
        own = connection.info.dbname
        connection.execute(f"alter database {own} set DateStyle = 'SQL, DMY'".encode())
    return url


def test_what_the_application_has_is_copied_once_and_then_what_changed(
    application: str, database_url: str, upshot: Upshot, tmp_path: Path
) -> None:
    def sync(*arguments: str) -> str:
        done = upshot(
            "sync", *arguments, database=database_url,
            UPSHOT_SYNC_URL=application, UPSHOT_HOME=str(tmp_path),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = sync()
    assert "sessions: 31 created, 0 duplicate, 0 rejected" in first
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert connection.execute(COUNTS).fetchone() == (31, 30, 30, 30)
        known = connection.execute("select account_id, name, time_zone from raw.accounts")
        assert set(known.fetchall()) == {
            (to_uuid("account_id", 1), "Acme", "Europe/Berlin"),
            (to_uuid("account_id", 2), "Other", "UTC"),
        }
        steps = connection.execute("select title from raw.flow_steps").fetchall()
        assert steps == [("Check the cable",)]

    with psycopg.connect(application, autocommit=True) as connection:
        connection.execute(
            "update sessions set completed_at = now(), outcome = 'escalated' where tree_id = 50;"
            "update step_ratings set was_helpful = null, updated_at = now()"
            " where session_id = md5('1')::uuid"
        )
    sync()
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert connection.execute(COUNTS).fetchone() == (31, 31, 30, 29)
    # All of it again changes nothing.
    again = sync("--again")
    assert "created" in again
    assert all(" 0 created" in line for line in again.splitlines())


def test_a_row_that_cannot_be_an_event_is_told_and_the_rest_is_copied(
    application: str, database_url: str, upshot: Upshot, tmp_path: Path
) -> None:
    with psycopg.connect(application, autocommit=True) as connection:
        connection.execute("update accounts set time_zone = 'Europe/Nowhere' where id = 2")
    done = upshot(
        "sync", database=database_url, UPSHOT_SYNC_URL=application, UPSHOT_HOME=str(tmp_path)
    )
    assert done.returncode == 1
    assert "accounts: 1 created, 0 duplicate, 1 rejected" in done.stdout
    assert "The time zone is not a known IANA name. (/data/time_zone)" in done.stderr
    assert "sessions: 31 created" in done.stdout


def test_a_sync_that_is_killed_goes_on_where_it_was(
    application: str, database_url: str, upshot: Upshot, tmp_path: Path
) -> None:
    with psycopg.connect(application, autocommit=True) as connection:
        connection.execute(MANY)
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UPSHOT_", "PG", "DBT_", "DAGSTER_"))
    }
    environment = {
        "UPSHOT_DATABASE_URL": database_url,
        "UPSHOT_SYNC_URL": application,
        "UPSHOT_HOME": str(tmp_path),
    }
    with psycopg.connect(database_url, autocommit=True) as connection:

        def stored() -> int:
            row = connection.execute(COUNTS).fetchone()
            assert row is not None
            return int(row[0])

        process = subprocess.Popen([BIN / "upshot", "sync"], env=own | environment)
        while stored() == 0:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
        process.wait()
        assert stored() < SESSIONS, "it was killed too late to prove anything"
        done = upshot(
            "sync", database=database_url, UPSHOT_SYNC_URL=application, UPSHOT_HOME=str(tmp_path)
        )
        assert done.returncode == 0, done.stderr
        assert stored() == SESSIONS


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ("streams: []", "Expected `array` of length >= 1"),
        ("streams: [{name: a, event: b, sql: c}]", "Invalid enum value 'b'"),
        ("streams: [{name: a, event: session.started}]", "missing required field `sql`"),
        ("streams: [", "while parsing"),
    ],
    ids=["no streams", "no event", "no query", "no YAML"],
)
def test_a_mapping_that_cannot_be_used_is_one_sentence(
    mapping: str, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(mapping)
    with pytest.raises(SettingsError, match=f"{path} cannot be used.*{says}"):
        read_mapping(path)


def test_a_query_that_fails_is_one_sentence(
    application: str, database_url: str, upshot: Upshot, tmp_path: Path
) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text("streams: [{name: a, event: session.started, sql: select nothing}]")
    done = upshot(
        "sync", "--mapping", str(path), database=database_url, UPSHOT_SYNC_URL=application
    )
    assert done.returncode == 1
    assert 'The rows of a cannot be read: column "nothing" does not exist' in done.stderr
    assert "Traceback" not in done.stderr
