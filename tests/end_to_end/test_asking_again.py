"""An answer has a tag, by which whoever has it hears whether it is still true."""

import gzip
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from conftest import Api
from litestar.types import Receive, Scope, Send

from ingest.direct_reads import DirectRead
from ingest.refresh import refresh

FLOW = UUID("6f1c8a52-0d6e-4c0b-9a55-8f3f2a7f1d01")
ENGINEER, ADMIN = uuid4(), uuid4()


def start(api: Api, user_id: UUID = ENGINEER) -> str:
    answer = api("POST", "/sessions", {"flow_id": str(FLOW)}, user_id=user_id)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["session_id"])


@pytest.fixture
def team(shared_live_api: Api) -> Api:
    api = shared_live_api.of(uuid4())
    start(api)
    # An account that no refresh has seen is in no state that could be told from another.
    refresh(api.settings, str(api.settings.database_url))
    return api


QUESTIONS: dict[str, dict[str, Any]] = {
    "/analytics/team": {"role": "team_admin", "user_id": ADMIN},
    "/analytics/me": {"role": "engineer", "user_id": ENGINEER},
    f"/analytics/flows/{FLOW}": {"role": "engineer", "user_id": ENGINEER},
}


def ask(api: Api, path: str, tag: str | None = None, **params: Any) -> httpx.Response:
    headers = {} if tag is None else {"If-None-Match": tag}
    return api("GET", path, params=params, headers=headers, **QUESTIONS[path])


@pytest.mark.parametrize("previous", [False, True])
@pytest.mark.parametrize("path", QUESTIONS)
def test_what_is_still_true_is_not_sent_again(team: Api, path: str, previous: bool) -> None:
    first = ask(team, path, previous=previous)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = ask(team, path, tag, previous=previous)
    if again.status_code == 200:
        # A minute has passed in between, up to which the window before reaches.
        assert previous
        again = ask(team, path, again.headers["ETag"], previous=previous)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", QUESTIONS)
def test_after_any_write_it_is_another_answer(team: Api, path: str) -> None:
    tags = [ask(team, path).headers["ETag"]]
    session_id = start(team)
    done = team(
        "POST", f"/sessions/{session_id}/complete", {"outcome": "resolved"}, user_id=ENGINEER
    )
    assert done.status_code == 200
    answer = ask(team, path, tags[0])
    assert answer.status_code == 200
    assert answer.json()["summary"]["completed_sessions"] == 1
    tags.append(answer.headers["ETag"])
    named = team("PUT", f"/flows/{FLOW}", {"name": "Router", "steps": []}, role="service")
    assert named.status_code in {200, 201}
    answer = ask(team, path, tags[1])
    assert answer.status_code == 200
    tags.append(answer.headers["ETag"])
    refresh(team.settings, str(team.settings.database_url))
    answer = ask(team, path, tags[2])
    assert answer.status_code == 200
    tags.append(answer.headers["ETag"])
    assert len(set(tags)) == 4


def test_a_tag_is_of_one_account_one_question_and_one_asker(team: Api) -> None:
    other = team.of(uuid4())
    start(other)
    refresh(other.settings, str(other.settings.database_url))
    tags = {
        ask(api, path, **params).headers["ETag"]
        for api in (team, other)
        for path in QUESTIONS
        for params in ({}, {"period": "7d"}, {"previous": "true"})
    }
    assert len(tags) == 2 * 3 * 3
    other_engineer = team("GET", "/analytics/me", user_id=uuid4())
    assert other_engineer.headers["ETag"] not in tags
    for tag in tags:
        answer = team("GET", "/analytics/me", user_id=uuid4(), headers={"If-None-Match": tag})
        assert answer.status_code == 200


def test_answers_are_compressed_for_who_takes_that(team: Api) -> None:
    plain = ask(team, "/analytics/team")
    headers = {"Accept-Encoding": "gzip"}
    packed = team("GET", "/analytics/team", headers=headers, **QUESTIONS["/analytics/team"])
    assert (
        "Content-Encoding"
        not in team(
            "GET",
            "/analytics/team",
            headers={"Accept-Encoding": "identity"},
            **QUESTIONS["/analytics/team"],
        ).headers
    )
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert int(packed.headers["Content-Length"]) < len(gzip.compress(plain.content)) + 200
    assert plain.json()["summary"] == packed.json()["summary"]


def all_answers(api: Api) -> Iterator[httpx.Response]:
    """Ask rightly and wrongly, and whatever is right twice."""
    asked = ("", "period=7d", "period=30d&top=1", "from=2026-03-01&to=2026-03-31", "previous=true")
    wrong = (
        *("period=8d", "period=7d&from=2026-03-01", "from=2026-03-01", "top=0", "top=x"),
        *("from=nonsense&to=2026-03-01", "previous=perhaps", "account_id=nonsense"),
        *(f"account_id={uuid4()}", f"engineer_id={ENGINEER}", "engineer_id=%00", "period=" * 99),
    )
    for path, asker in QUESTIONS.items():
        for query in (*asked, *wrong, *asked):
            yield api("GET", f"{path}?{query}", **asker)
        for coding in ("gzip", "br, gzip;q=0.5", "gzip;q=0", "identity"):
            yield api("GET", path, headers={"Accept-Encoding": coding}, **asker)
        tag = api("GET", path, **asker).headers["ETag"]
        yield api("GET", path, headers={"If-None-Match": tag}, **asker)
    yield api("GET", "/analytics/team", role="engineer")
    yield api("GET", "/analytics/flows/nonsense")
    yield api("GET", f"/analytics/flows/{uuid4()}")


def said(answer: httpx.Response) -> tuple[int, dict[str, str], dict[str, Any]]:
    """What was answered, without what is new every time."""
    body: dict[str, Any] = json.loads(answer.content or b"{}")
    body.pop("instance", None)
    # They name the moment.
    body.pop("previous", None)
    body.get("meta", {}).pop("as_of", None)
    changing = {"date", "x-request-id", "content-length", "etag"}
    headers = {name: each for name, each in answer.headers.items() if name not in changing}
    return answer.status_code, headers, body


def test_a_direct_read_answers_as_the_framework_does(
    team: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = [said(answer) for answer in all_answers(team)]

    async def by_the_framework(
        self: DirectRead, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await self.app(scope, receive, send)

    monkeypatch.setattr(DirectRead, "__call__", by_the_framework)
    assert direct == [said(answer) for answer in all_answers(team)]
    assert {status for status, _, _ in direct} == {200, 304, 403, 404, 422}


def test_what_an_address_asks_for_is_its_askers_own(team: Api) -> None:
    """The address is the same, who asks is not."""
    sessions = [
        team("GET", "/analytics/me", user_id=user_id).json()["summary"]["total_sessions"]
        for user_id in (ENGINEER, ADMIN, ENGINEER)
    ]
    assert sessions == [1, 0, 1]
    assert team("GET", "/analytics/team", role="team_admin").status_code == 200
    assert team("GET", "/analytics/team", role="engineer").status_code == 403
