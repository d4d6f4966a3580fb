"""What is held about a person is given out whole, to whoever may ask, and nothing of others."""

import json
import re
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest
from conftest import Api, Upshot
from events import Event, event, named
from psycopg import sql

from ingest import personal_data

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
NIL = str(UUID(int=0))


class People(NamedTuple):
    """Two who have to do with each other's sessions, with a word of their own each."""

    api: Api
    ada: UUID
    bob: UUID
    flow: UUID
    events: list[Event]


def word_of(user_id: UUID) -> str:
    return f"Word-{user_id.hex}"


def walked(user_id: UUID, flow: UUID) -> list[Event]:
    session_id = uuid4()
    return [
        event("session.started", session_id=session_id, flow_id=flow, user_id=user_id),
        event("step.visited", session_id=session_id, step_id="a"),
        event("step.visited", session_id=session_id, step_id="b"),
        event("step.feedback", session_id=session_id, step_id="a", was_helpful=True),
        event("session.completed", session_id=session_id, outcome="resolved"),
        event("session.rated", session_id=session_id, rating=4, comment=word_of(user_id)),
    ]


@pytest.fixture
def people(shared_api: Api) -> People:
    api, ada, bob, flow = shared_api.of(uuid4()), uuid4(), uuid4(), uuid4()
    events = [named(each, name=word_of(each)) for each in (ada, bob)]
    for user_id in (ada, bob, ada, bob, ada):
        events += walked(user_id, flow)
    of_ada, of_bob = events[2]["data"]["session_id"], events[8]["data"]["session_id"]
    moved, waiting = events[26]["data"]["session_id"], uuid4()
    # A session is of one person at a time, with all that was said in it.
    events[31]["data"]["comment"] = word_of(bob)
    vote = {"step_id": "a", "was_helpful": None}
    events += [
        # They vote on each other's sessions.
        event("step.feedback", session_id=of_bob, user_id=ada, **vote),
        event("step.feedback", session_id=of_ada, user_id=bob, **vote),
        # One was hers, and is his.
        event("session.started", session_id=moved, flow_id=flow, user_id=bob)
        | {"occurred_at": "2026-03-01T09:45:00Z"},
        # Two have not started: who is named alone is the owner.
        event("session.rated", session_id=waiting, rating=2, comment=word_of(ada), user_id=ada),
        event("step.visited", session_id=uuid4(), step_id="c", user_id=bob),
    ]
    answer = api.post_events(events)
    assert answer.status_code == 200, answer.text
    return People(api, ada, bob, flow, events)


def export(people: People, whose: UUID, **who: Any) -> Any:
    answer = people.api("GET", f"/users/{whose}/export", **{"role": "team_admin"} | who)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows_that_name(people: People, user_id: UUID) -> dict[str, list[Any]]:
    """Search all raw tables for a person: by the id, and then by the ids of their sessions."""
    found: dict[str, list[Any]] = {}
    with psycopg.connect(str(people.api.settings.database_url)) as connection:
        owned = connection.execute(
            "select session_id from raw.sessions where account_id = %(account)s"
            " and (user_id = %(user)s or user_id is null and named_user_ids = array[%(user)s])",
            {"account": people.api.account_id, "user": user_id},
        ).fetchall()
        words = [f"%{each}%" for each in (user_id, *(each for (each,) in owned))]
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'raw'"
            # It names what is to be recomputed, until it is.
            " and table_name <> 'changes'"
        ).fetchall()
        for (table,) in tables:
            query = sql.SQL(
                "select to_jsonb(stored) from raw.{} as stored"
                " where account_id = %s and stored::text like any(%s)"
            ).format(sql.Identifier(table))
            rows = connection.execute(query, [people.api.account_id, words]).fetchall()
            found[table] = [row for (row,) in rows]
    return {table: rows for table, rows in found.items() if rows}


@pytest.mark.parametrize("at_once", [200, 1])
def test_everything_that_names_a_person_is_in_the_export(
    people: People, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(personal_data, "SESSIONS_AT_ONCE", at_once)
    document = export(people, people.ada)
    found = rows_that_name(people, people.ada)
    assert set(found) == {"users", "sessions", "step_visits", "session_ratings", "step_feedback"}
    moments = {each["event"]["id"]: each["received_at"] for each in document["held"]}
    assert len(moments) == len(document["held"])
    told = json.dumps(document["held"])
    events = 0
    for table, rows in found.items():
        for row in rows:
            # His vote on her session, and of the session that is his her name alone.
            if row.get("user_id") == str(people.bob):
                continue
            for name in ("event_id", "started_event_id", "completed_event_id"):
                if event_id := row.get(name):
                    received_at = row[name.replace("event_id", "received_at")]
                    assert moments[event_id][:19] == received_at[:19]
                    events += 1
            data = {name: each for name, each in row.items() if "event_id" not in name}
            for name in ("session_id", "flow_id", "step_id", "outcome", "comment", "name", "role"):
                assert data.get(name) is None or json.dumps(data[name]) in told, (table, name)
    assert events == len(moments)
    assert document["named_in"] == [people.events[26]["data"]["session_id"]]
    assert UUID(document["user_id"]) == people.ada


def test_nothing_of_others_is_in_the_export(people: People) -> None:
    for user_id, other in ((people.ada, people.bob), (people.bob, people.ada)):
        text = json.dumps(export(people, user_id))
        assert word_of(user_id) in text
        assert str(other) not in text
        assert word_of(other) not in text


def test_an_export_can_be_loaded_again(people: People, upshot: Upshot) -> None:
    database = str(people.api.settings.database_url)
    of_ada = ("--user", str(people.ada))
    account = ("--account", str(people.api.account_id))
    lines = upshot("export-user", *account, *of_ada, "--events", database=database).stdout
    other = people._replace(api=people.api.of(uuid4()))
    loaded = upshot(
        "load",
        *("--account", str(other.api.account_id)),
        "-",
        database=database,
        stdin=lines.encode(),
    )
    assert f"{lines.count(chr(10))} created, 0 duplicate, 0 rejected" in loaded.stdout
    before, after = export(people, people.ada), export(other, people.ada)
    assert [each["event"] for each in after["held"]] == [each["event"] for each in before["held"]]
    assert after["named_in"] == []
    # The command's document is the call's.
    document = json.loads(upshot("export-user", *account, *of_ada, database=database).stdout)
    assert document | {"as_of": None} == before | {"as_of": None}
    nobody = upshot("export-user", *account, "--user", str(uuid4()), database=database)
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "Nothing is held about" in nobody.stderr


def test_admins_export_anybody_and_others_themselves(people: People) -> None:
    mine = export(people, people.ada, role="engineer", user_id=people.ada)
    assert mine["held"] == export(people, people.ada, role="super_admin")["held"]
    for role, user_id in (("engineer", people.bob), ("service", people.ada)):
        # Whether somebody is known is none of their business either.
        for asked in (people.ada, uuid4()):
            answer = people.api("GET", f"/users/{asked}/export", role=role, user_id=user_id)
            assert answer.status_code == 403


def test_who_is_unknown_erased_or_of_another_account_is_not_found(people: People) -> None:
    elsewhere = people.api.of(uuid4())
    for api, user_id in ((people.api, uuid4()), (elsewhere, people.ada), (people.api, UUID(NIL))):
        answer = api("GET", f"/users/{user_id}/export", role="team_admin")
        assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")
    assert people.api("DELETE", f"/users/{people.ada}", role="team_admin").status_code == 204
    answer = people.api("GET", f"/users/{people.ada}/export", role="team_admin")
    assert answer.status_code == 404
    assert rows_that_name(people, people.ada) == {}
