"""Times are read right in whatever style a database writes them."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
from conftest import Api, Serve, Upshot

from ingest.settings import Settings

STARTED = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)
"""A day that is another one when day and month are taken for each other."""


def test_times_are_those_that_were_sent(
    serve: Serve, new_live_settings: Callable[[], Settings], upshot: Upshot
) -> None:
    settings = new_live_settings()
    url = str(settings.database_url)
    with psycopg.connect(url, autocommit=True) as owner:
        for setting in ("DateStyle = 'SQL, DMY'", "IntervalStyle = 'iso_8601'"):
            owner.execute(f"alter database {owner.info.dbname} set {setting}".encode())
    api = Api(serve(settings), settings)
    session = {"flow_id": str(uuid4()), "started_at": STARTED.isoformat()}
    assert api("POST", "/sessions", session).status_code == 201
    days = {"from": "2026-03-04", "to": "2026-03-04"}
    [listed] = api("GET", "/sessions", role="team_admin", params=days).json()["sessions"]
    assert datetime.fromisoformat(listed["started_at"]) == STARTED
    rows = api("GET", "/marts/daily_outcomes", role="team_admin").json()["data"]
    assert [row["day"] for row in rows] == ["2026-03-04"]
    assert upshot("refresh", database=url).returncode == 0
    assert upshot("check", database=url).returncode == 0
    # It asks for the API and Dagster, too, which do not run where it looks.
    assert "ok  Clock" in upshot("status", database=url).stdout
