"""A file is loaded while others write the same account: nobody is refused, nothing is lost."""

import json
import os
import subprocess
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import psycopg
from conftest import BIN, Api, Serve, with_changes
from events import event

from ingest.bulk import MOST_EVENTS
from ingest.settings import Settings


def test_others_write_and_erase_while_a_file_is_loaded(
    serve: Serve,
    database_url: str,
    base_settings: Settings,
    tmp_path: Path,
) -> None:
    settings = with_changes(base_settings, database_url=database_url)
    api = Api(serve(settings), settings)
    chance = Random(6)
    sessions = [uuid4() for _ in range(3 * MOST_EVENTS)]
    flow_id, user_id = uuid4(), uuid4()
    path = tmp_path / "events.ndjson"
    with path.open("w") as file:
        for session_id in sessions:
            started = event(
                "session.started", session_id=session_id, flow_id=flow_id, user_id=user_id
            )
            file.write(json.dumps(started) + "\n")

    completed: set[UUID] = set()
    deleted: set[UUID] = set()
    command = [str(BIN / "upshot"), "load", "--account", str(api.account_id), str(path)]
    environment = os.environ | {"UPSHOT_DATABASE_URL": database_url}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as loading:
        while loading.poll() is None:
            some = chance.sample(sessions, 100)
            batch = [
                event("session.completed", session_id=each, outcome="resolved") for each in some
            ]
            answer = api.post_events(batch)
            assert answer.status_code == 200, answer.text
            completed.update(some)
            answer = api("DELETE", f"/sessions/{some[0]}", role="service")
            assert answer.status_code == 204, answer.text
            deleted.add(some[0])
        assert loading.stdout is not None
        assert loading.stdout.read() == f"{len(sessions)} created, 0 duplicate, 0 rejected\n"

    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select session_id, completed_at is not null from raw.sessions where user_id = %s",
            [user_id],
        ).fetchall()
        logged = connection.execute("select session_id from raw.changes").fetchall()
    assert dict(rows) == {each: each in completed for each in set(sessions) - deleted}
    assert {session_id for (session_id,) in logged} == set(sessions)
