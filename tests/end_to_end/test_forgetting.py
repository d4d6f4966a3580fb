"""Erased is erased: what was written of a person is nowhere, and the figures never knew them.

People are made by every way in and erased by every way out. Then every table of the database and
every file that the programs have written is searched for their names, their comments, their ids
and those of their sessions. An account that only ever heard of the others is the oracle.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from api_processes import ApiProcess, api_process
from conftest import REPOSITORY, Api, Upshot
from events import Event, event, named
from pages import all_pages, all_sessions
from psycopg import sql

from ingest.settings import Settings
from ingest.store.operations import libpq_variables

PEOPLE = int(os.environ.get("UPSHOT_ERASED_PEOPLE", "40"))
BATCH = 400
STEP = "check-cable"
WORD = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}")
"""An id or a mark, as whoever writes it may have it."""
SECONDS = 300


class Person:
    """Somebody with a mark in all that they say.

    Attributes:
        words: whatever would tell of them, as `words_in` finds it.
    """

    def __init__(self, flow_id: UUID, sessions: int = 2) -> None:
        self.user_id, self.mark, self.flow_id = uuid4(), uuid4().hex, flow_id
        self.sessions = [uuid4() for _ in range(sessions)]

    @property
    def name(self) -> str:
        return f"Name {self.mark}"

    @property
    def words(self) -> set[str]:
        return {self.mark, *(each.hex for each in (self.user_id, *self.sessions))}

    def events(self) -> list[Event]:
        said = [named(self.user_id, name=self.name)]
        for session_id in self.sessions:
            said += [
                event(
                    "session.started",
                    session_id=session_id,
                    flow_id=self.flow_id,
                    user_id=self.user_id,
                ),
                event("step.visited", session_id=session_id, step_id=STEP),
                event("step.feedback", session_id=session_id, step_id=STEP, was_helpful=True),
                event("session.completed", session_id=session_id, outcome="resolved"),
                event(
                    "session.rated", session_id=session_id, rating=2, comment=f"Said {self.mark}."
                ),
            ]
        return said

    def votes_on(self, other: "Person") -> Event:
        vote = {"session_id": other.sessions[0], "step_id": STEP, "was_helpful": False}
        return event("step.feedback", user_id=self.user_id, **vote)

    def call(self, api: Api) -> None:
        """Say the same by single calls."""

        def call(method: str, path: str, body: object, role: str = "engineer") -> None:
            answer = api(method, path, body, role=role, user_id=self.user_id)
            assert answer.is_success, answer.text

        call("PUT", f"/users/{self.user_id}", {"name": self.name, "role": "engineer"}, "service")
        for session_id in map(str, self.sessions):
            own = f"/sessions/{session_id}"
            call("POST", "/sessions", {"session_id": session_id, "flow_id": str(self.flow_id)})
            call("POST", f"{own}/steps", {"step_id": STEP})
            vote = {"session_id": session_id, "was_helpful": True}
            call("POST", f"/steps/{STEP}/feedback", vote)
            call("POST", f"{own}/complete", {"outcome": "escalated"})
            call("POST", f"{own}/rate", {"rating": 1, "comment": f"Said {self.mark}."})


class World:
    """Two accounts: in one everybody was, in the other only those who stay."""

    def __init__(
        self, process: ApiProcess, settings: Settings, upshot: Callable[..., Any], folder: Path
    ) -> None:
        self.url = str(settings.database_url)
        self.api = process.api(settings).of(uuid4())
        self.oracle = self.api.of(uuid4())
        self.upshot = upshot
        self.folder = folder
        flow_id = uuid4()
        self.flow = event(
            "flow.upserted",
            flow_id=flow_id,
            name="Router",
            steps=[{"step_id": STEP, "title": "Check the cable", "position": 0}],
        )
        self.flow_id = flow_id
        self.erased = [Person(flow_id) for _ in range(PEOPLE)]
        self.staying = [Person(flow_id) for _ in range(8)]
        # By thirds, by each way: in, and later out.
        self.by_call, self.by_batch, self.by_file = (self.erased[way::3] for way in range(3))

    @property
    def forbidden(self) -> set[str]:
        return {word for person in self.erased for word in person.words}

    def post(self, api: Api, events: Sequence[Event]) -> None:
        for first in range(0, len(events), BATCH):
            answer = api.post_events(events[first : first + BATCH])
            assert answer.status_code == 200, answer.text

    def load(self, api: Api, events: Sequence[Event]) -> None:
        lines = b"".join(json.dumps(each).encode() + b"\n" for each in events)
        done = self.upshot("load", "--account", str(api.account_id), "-", stdin=lines)
        assert ", 0 rejected" in done.stdout, done.stderr

    def write(self) -> None:
        zone = event("account.upserted", name="Acme", time_zone="UTC")
        for api in (self.api, self.oracle):
            of_account = zone["data"] | {"account_id": str(api.account_id)}
            self.post(api, [zone | {"data": of_account}, self.flow])
        staying = [each for person in self.staying for each in person.events()]
        staying += [one.votes_on(other) for one, other in pairwise(self.staying)]
        self.post(self.oracle, staying)
        self.post(self.api, staying[::2])
        self.load(self.api, staying[1::2])

        for person in self.by_call:
            person.call(self.api)
        self.post(self.api, [each for person in self.by_batch for each in person.events()])
        self.load(self.api, [each for person in self.by_file for each in person.events()])
        # They have to do with those who stay: by votes, and by a session that is theirs no more.
        meeting = [
            each
            for person, other in zip(self.erased, self.staying * PEOPLE, strict=False)
            for each in (person.votes_on(other), other.votes_on(person))
        ]
        meeting += [
            event(
                "session.started",
                session_id=person.sessions[1],
                flow_id=self.flow_id,
                user_id=self.staying[0].user_id,
            )
            | {"occurred_at": "2026-03-02T09:30:00Z"}
            for person in self.by_batch
        ]
        self.post(self.api, meeting)

    def erase(self) -> None:
        for person in self.by_call:
            answer = self.api("DELETE", f"/users/{person.user_id}", role="team_admin")
            assert answer.status_code == 204
        self.post(self.api, [event("user.erased", user_id=each.user_id) for each in self.by_batch])
        self.load(self.api, [event("user.erased", user_id=each.user_id) for each in self.by_file])
        # Events come late, too.
        late = [each for person in self.erased for each in person.events()]
        late += [person.votes_on(self.staying[0]) for person in self.erased]
        self.post(self.api, late)

    def answers(self, api: Api) -> dict[str, Any]:
        """Return all that is answered about an account, without what is of the moment."""
        days = {"from": "2026-02-25", "to": "2027-03-01"}
        bodies = {
            "/analytics/team": days,
            f"/analytics/flows/{self.flow_id}": days,
            "/sessions": days | {"total": "true", "limit": 1},
            "/comments": {"total": "true", "limit": 1},
            "/marts/engineer_leaderboard": {"limit": 10000},
            "/marts/engineer_rollups": {"limit": 10000},
            "/marts/daily_outcomes": {"limit": 10000},
        }
        found: dict[str, Any] = {}
        for path, params in bodies.items():
            answer = api("GET", path, params=params, role="team_admin")
            assert answer.status_code == 200, answer.text
            of_the_moment = {"meta", "next_cursor"}
            body = answer.json()
            found[path] = {name: body[name] for name in body.keys() - of_the_moment}
        return found | {
            "sessions": all_sessions(api, days),
            "comments": all_pages(api, "/comments", role="team_admin"),
        }


# --- the search -----------------------------------------------------------------------------------


def words_in(content: bytes) -> set[str]:
    return {found.decode().replace("-", "") for found in WORD.findall(content)}


def words_in_tables(url: str) -> dict[str, set[str]]:
    """Return what is found in every table of every schema but the server's own."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "select nspname, relname from pg_class"
            " join pg_namespace on relnamespace = pg_namespace.oid"
            " where relkind in ('r', 'm') and nspname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        found = {}
        for schema, name in tables:
            table = sql.Identifier(schema, name)
            with connection.cursor().copy(sql.SQL("copy {} to stdout").format(table)) as copied:
                found[f"{schema}.{name}"] = words_in(b"".join(map(bytes, copied)))
    assert {"raw", "live", "dagster"} <= {schema for schema, _ in tables}
    return found


def words_in_files(*folders: Path) -> dict[str, set[str]]:
    return {
        str(path): words_in(path.read_bytes())
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def places_of(words: set[str], found: dict[str, set[str]]) -> set[str]:
    return {place for place, words_there in found.items() if words_there & words}


# --- the programs ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whatever the programs write is here: logs, dbt's files, Dagster's."""
    return tmp_path_factory.mktemp("written")


@pytest.fixture(scope="module")
def world(
    new_live_settings: Callable[[], Settings], upshot: Upshot, folder: Path
) -> Iterator[World]:
    settings = new_live_settings()
    home = folder / "home"
    shutil.copytree(settings.home / "dbt", home / "dbt")

    def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        own: dict[str, Any] = {"UPSHOT_HOME": str(home), "TMPDIR": str(folder)}
        done = upshot(*arguments, database=str(settings.database_url), **own | more)
        with (folder / "commands.log").open("a") as log:
            log.write(done.stdout + done.stderr)
        return done

    (folder / "api").mkdir()
    with api_process(str(settings.database_url), folder / "api") as process:
        yield World(process, settings, run, folder)


def run_refresh_in_dagster(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the refresh job as the schedule does, with the instance that `upshot up` sets up."""
    home = folder / "dagster"
    home.mkdir()
    shutil.copy(REPOSITORY / "orchestration" / "dagster.yaml", home)
    parts = urlsplit(url)
    options = "&".join(filter(None, [parts.query, "options=-csearch_path%3Ddagster"]))
    done = subprocess.run(
        [Path(sysconfig.get_path("scripts"), "dg"), "launch", "--job", "refresh"],
        cwd=REPOSITORY,
        env={
            **os.environ,
            **libpq_variables(url),
            "DAGSTER_HOME": str(home),
            "UPSHOT_DAGSTER_DATABASE_URL": urlunsplit(
                parts._replace(scheme="postgresql+psycopg2", query=options)
            ),
            "VIRTUAL_ENV": sys.prefix,
            "TMPDIR": str(folder),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    (folder / "dagster.log").write_text(done.stdout + done.stderr)
    return done


def spoil(url: str, people: Sequence[Person], by: int) -> None:
    """Store more sessions of some people than they had, which tests find."""
    with psycopg.connect(url) as connection:
        changed = connection.execute(
            "update live.facts__stored set sessions = sessions + %s where user_id = any(%s)",
            [by, [each.user_id for each in people]],
        )
        assert changed.rowcount > len(people) / 2


def compared(url: str, account_ids: Sequence[UUID]) -> list[dict[str, list[Any]]]:
    """Return all rows of each account, in raw and in the marts, without what may differ.

    All are read at one moment: the marts know the time of day.
    """
    ours = ["account_id", "received_at", "started_received_at", "completed_received_at"]
    # Of the account, when something was received; each of these has a row per event or id.
    aside = ("raw.events", "raw.tombstones", "raw.changes", "raw.quotas", "marts.data_freshness")
    with psycopg.connect(url) as connection:
        relations = connection.execute(
            "select relation.oid::regclass::text from pg_class as relation"
            " join pg_attribute on attrelid = relation.oid and attname = 'account_id'"
            " where relnamespace in ('raw'::regnamespace, 'marts'::regnamespace)"
            " and relkind in ('r', 'v')"
        ).fetchall()
        return [
            {
                relation: connection.execute(
                    f"select (to_jsonb(row) - %s::text[])::text from {relation} as row"
                    " where account_id = %s order by 1".encode(),
                    [ours, account_id],
                ).fetchall()
                for (relation,) in relations
                if relation not in aside
            }
            for account_id in account_ids
        ]


# --- the promise ----------------------------------------------------------------------------------


def test_nothing_is_left_of_whoever_was_erased(world: World, folder: Path) -> None:
    world.write()
    done = world.upshot("refresh")
    assert done.returncode == 0, done.stderr
    # A red run, whose failing tests are about these people's rows.
    spoil(world.url, world.erased, by=1)
    run = run_refresh_in_dagster(world.url, folder)
    assert run.returncode != 0
    assert world.upshot("refresh").returncode != 0
    spoil(world.url, world.erased, by=-1)
    with psycopg.connect(world.url) as connection:
        failed = connection.execute("select status from dagster.runs").fetchall()
        assert failed == [("FAILURE",)]

    # It would be found: everybody is in the tables and in the answers, which are kept.
    before = words_in_tables(world.url)
    assert world.forbidden <= before["raw.sessions"] | before["raw.users"]
    assert places_of(world.forbidden, before) >= {"raw.session_ratings", "live.facts__stored"}
    answers = json.dumps([world.answers(world.api) for _ in range(2)]).encode()
    assert {each.mark for each in world.erased} <= words_in(answers)

    world.erase()
    expected = world.answers(world.oracle)
    # Asked again at once, with everything pending; and when it is stored.
    for is_stored in (False, True):
        if is_stored:
            done = world.upshot("refresh")
            assert done.returncode == 0, done.stderr
        found = world.answers(world.api)
        assert not words_in(json.dumps(found).encode()) & world.forbidden
        assert found == expected
        rows, expected_rows = compared(world.url, [world.api.account_id, world.oracle.account_id])
        assert rows == expected_rows

    tables, files = words_in_tables(world.url), words_in_files(folder, REPOSITORY / "target")
    assert len(tables) > 40
    assert {"api.log", "dagster.log", "commands.log", "run_results.json"} <= {
        Path(path).name for path in files
    }
    assert places_of(world.forbidden, tables | files) == set()
