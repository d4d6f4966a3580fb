"""One line for each answer with personal data, and none of that data in it."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from acquaintance import Acquaintance
from api_processes import api_process
from conftest import Api
from events import LONG_AGO

from ingest.refresh import refresh

PERSONAL = {
    "/sessions?from=2026-03-01&to=2026-03-02": "sessions",
    "/comments": "comments",
    "/analytics/team?from=2026-03-01&to=2026-03-02": "team",
    "/analytics/flows/{flow_id}": "flow_comments",
    "/users/{user_id}/export": "person",
}
IMPERSONAL = ("/analytics/me",)
NAME, COMMENT = "Dana", "Such a nice comment."


class Lines(logging.Handler):
    """What was written meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def take(self) -> list[dict[str, Any]]:
        taken = [json.loads(text) for text in self.texts]
        self.texts.clear()
        return taken


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    logger = logging.getLogger("upshot.audit")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def known(whole_api: Api) -> Acquaintance:
    known = Acquaintance(whole_api.of(uuid4()))
    body = {"rating": 2, "comment": COMMENT}
    known.write("POST", f"/sessions/{known.completed}/rate", body)
    return known


@pytest.mark.parametrize("path", PERSONAL)
def test_each_answer_is_one_line(known: Acquaintance, lines: Lines, path: str) -> None:
    address = path.format(flow_id=known.flow_id, user_id=known.user_id)
    for _ in range(2):  # the second time from what is kept
        answer = known.api("GET", address, role="team_admin", user_id=known.user_id)
        assert answer.status_code == 200
        assert NAME in answer.text or COMMENT in answer.text
        [line] = lines.take()
        assert line["what"] == PERSONAL[path]
        assert UUID(line["account_id"]) == known.api.account_id
        assert UUID(line["user_id"]) == known.user_id
        assert line["role"] == "team_admin"
        assert line["rows"] >= 1
        assert line["request_id"] == answer.headers["x-request-id"]
        assert line["at"] > LONG_AGO
        assert "refused" not in line


WITHOUT_TAG = {"sessions", "person"}
"""What is asked for a page at a time, or once."""


@pytest.mark.parametrize(
    "path", [path for path, what in PERSONAL.items() if what not in WITHOUT_TAG]
)
def test_whoever_has_it_already_reads_nothing(known: Acquaintance, lines: Lines, path: str) -> None:
    """304 has no personal data; what has changed since is read, and is a line again."""
    # An account that no refresh has seen is in no state that could be told from another.
    refresh(known.api.settings, str(known.api.settings.database_url))
    address = path.format(flow_id=known.flow_id)
    asked: dict[str, Any] = {"role": "team_admin", "user_id": known.user_id}
    tag = known.api("GET", address, **asked).headers["etag"]
    assert len(lines.take()) == 1
    again = known.api("GET", address, headers={"If-None-Match": tag}, **asked)
    assert (again.status_code, again.content) == (304, b"")
    assert "x-request-id" not in again.headers
    assert lines.take() == []
    another = known.complete(known.start())
    known.write("POST", f"/sessions/{another}/rate", {"rating": 1, "comment": "New."})
    new = known.api("GET", address, headers={"If-None-Match": tag}, **asked)
    assert new.status_code == 200
    assert len(lines.take()) == 1


def test_lines_hold_no_personal_data(known: Acquaintance, lines: Lines) -> None:
    asked = [*PERSONAL, "/comments?q=nice", "/comments?q=Dana&order=lowest"]
    for path in asked:
        address = path.format(flow_id=known.flow_id, user_id=known.user_id)
        assert known.api("GET", address, role="team_admin").status_code == 200
    assert len(lines.texts) == len(asked)
    for text in lines.texts:
        for personal in (NAME, COMMENT, "nice"):
            assert personal not in text


def test_a_line_says_what_was_asked_for(known: Acquaintance, lines: Lines) -> None:
    query = f"from=2026-03-01&to=2026-03-02&engineer_id={known.user_id}&outcome=resolved&rating=5"
    assert known.api("GET", f"/sessions?{query}", role="team_admin").status_code == 200
    [line] = lines.take()
    assert line["rows"] == 1
    assert line["asked"] == {
        "day_from": "2026-03-01",
        "day_to": "2026-03-02",
        "engineer_id": str(known.user_id),
        "outcome": "resolved",
        "rating": 5,
    }


def test_a_refusal_is_one_line(known: Acquaintance, lines: Lines) -> None:
    """Whoever tries to read what is not theirs is told of, too."""
    other = uuid4()
    for path in (
        "/analytics/team",
        f"/sessions?engineer_id={other}",
        f"/comments?engineer_id={other}",
        *(f"{path.partition('?')[0]}?account_id={other}" for path in PERSONAL),
    ):
        address = path.format(flow_id=known.flow_id, user_id=known.user_id)
        answer = known.api("GET", address, user_id=known.user_id)
        assert answer.status_code == 403, path
        [line] = lines.take()
        assert (line["refused"], line["request_id"]) == ("forbidden", answer.json()["instance"])
        assert UUID(line["user_id"]) == known.user_id
        assert UUID(line["account_id"]) == known.api.account_id
        assert "rows" not in line


def test_what_holds_none_is_no_line(known: Acquaintance, lines: Lines) -> None:
    for path in IMPERSONAL:
        assert known.api("GET", path, user_id=known.user_id).status_code == 200
    # Nothing was read: nobody is known, or nothing was understood.
    assert known.api("GET", "/comments", headers={"Authorization": ""}).status_code == 401
    assert known.api("GET", "/sessions?limit=0").status_code == 422
    # A write is no reading.
    assert known.api("PUT", f"/users/{uuid4()}", {}, role="engineer").status_code == 403
    assert lines.take() == []


def test_a_super_admin_is_noted_in_the_account_that_they_read(
    known: Acquaintance, lines: Lines
) -> None:
    elsewhere = known.api.of(uuid4())
    reader = uuid4()
    path = f"/comments?account_id={known.api.account_id}"
    assert elsewhere("GET", path, role="super_admin", user_id=reader).status_code == 200
    [line] = lines.take()
    assert UUID(line["account_id"]) == known.api.account_id
    assert UUID(line["user_id"]) == reader


def test_lines_go_to_the_log_of_the_process(tmp_path: Path, whole_api: Api) -> None:
    with api_process(str(whole_api.settings.database_url), tmp_path) as process:
        answer = process.api(whole_api.settings)("GET", "/comments", role="team_admin")
        assert answer.status_code == 200
        told = [json.loads(text) for text in process.log.read_text().splitlines() if text[0] == "{"]
    assert [line["what"] for line in told] == ["comments"]
