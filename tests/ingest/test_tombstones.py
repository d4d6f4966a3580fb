"""What is kept of whoever was erased is a hash, also of those who were erased before."""

from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
from conftest import Api, Serve, with_changes
from events import event, named

from ingest.settings import Settings
from ingest.store.migrate import migrate
from ingest.store.tombstones import tombstone

BEFORE: LiteralString = """
drop table raw.tombstones;
drop index raw.sessions_named_otherwise, raw.step_feedback_by_user;
create table raw.erasures (
    account_id uuid not null,
    kind text not null,
    subject_id uuid not null,
    received_at timestamptz not null,
    primary key (account_id, kind, subject_id)
);
alter table raw.erasures owner to upshot_owner;
grant all on raw.erasures to upshot_writer;
delete from public._yoyo_migration where migration_id = '0008.tombstones';
"""


def test_who_was_erased_before_stays_erased_and_is_named_no_more(
    serve: Serve, base_settings: Settings, database_url: str
) -> None:
    settings = with_changes(base_settings, database_url=database_url)
    api, user_id, session_id = Api(serve(settings), settings), uuid4(), uuid4()
    # The processes of now stand for those of before: neither knows the other's table.
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(BEFORE)
        for kind, subject in (("user", user_id), ("session", session_id)):
            owner.execute(
                "insert into raw.erasures values (%s, %s, %s, now())",
                [api.account_id, kind, subject],
            )
        refused = api.post_events([named()])
        assert (refused.status_code, refused.json()["retryable"]) == (503, True)
        assert "0008.tombstones" in migrate(database_url)
        late = [
            named(user_id),
            event("session.started", session_id=session_id, flow_id=uuid4(), user_id=uuid4()),
            event("session.started", session_id=uuid4(), flow_id=uuid4(), user_id=user_id),
        ]
        answer = api.post_events(late)
        assert answer.json()["counts"]["created"] == len(late), answer.text
        for table in ("users", "sessions"):
            assert owner.execute(f"select * from raw.{table}".encode()).fetchall() == []
        stored = owner.execute("select kind, subject_hash from raw.tombstones").fetchall()
    third = UUID(str(late[2]["data"]["session_id"]))
    assert set(stored) == {
        ("user", tombstone(user_id)),
        *(("session", tombstone(each)) for each in (session_id, third)),
    }


def test_nobody_is_erased_by_the_id_that_stands_for_nobody(api: Api) -> None:
    """Votes that name no user have the nil id; they are their sessions' users', and stay."""
    vote = event("step.feedback", session_id=uuid4(), step_id="a", was_helpful=True)
    assert api.post_events([vote]).status_code == 200
    assert api("DELETE", f"/users/{UUID(int=0)}", role="service").status_code == 204
    with psycopg.connect(str(api.settings.database_url)) as connection:
        left = connection.execute(
            "select event_id from raw.step_feedback where account_id = %s", [api.account_id]
        ).fetchall()
    assert left == [(UUID(vote["id"]),)]
