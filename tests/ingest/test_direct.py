"""The short way to a handler leads to the same answers as the framework's."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from conftest import Api
from litestar.types import Receive, Scope, Send

from ingest.direct import Direct

ENGINEER = uuid4()
VOTE = b'{"session_id": "%s", "was_helpful": true}'


def completed_session(api: Api) -> str:
    session = api("POST", "/sessions", {"flow_id": str(uuid4())}, user_id=ENGINEER).json()
    address = f"/sessions/{session['session_id']}/complete"
    assert api("POST", address, {"outcome": "resolved"}, user_id=ENGINEER).status_code == 200
    return str(session["session_id"])


def all_answers(api: Api) -> Iterator[httpx.Response]:
    """Rate and vote, rightly and wrongly."""

    def send(path: str, content: bytes, content_type: str = "application/json") -> httpx.Response:
        headers = {"Content-Type": content_type}
        return api("POST", path, content=content, headers=headers, user_id=ENGINEER)

    session_id = completed_session(api)
    too_large = b'{"comment": "' + b"x" * api.settings.max_body_bytes + b'"}'
    for rate in (f"/sessions/{session_id}/rate", f"/sessions/{session_id}/ratings/"):
        for content in (b"", b"{", b"\xff", b"[" * 5000, b"{}", b'{"rating": 6}', too_large):
            yield send(rate, content)
        yield send(rate, b'{"rating": 5}', "text/plain")
        yield send(rate, b'{"rating": 5, "comment": "\\u00fc"}', "Application/JSON; charset=utf-8")
    for wanted in ("nonsense", str(UUID(int=0))):
        yield send(f"/sessions/{wanted}/rate", b'{"rating": 5}')
    for step in ("s", "s", "schritt%20%C3%BC%3F", "a%00b", "%ff", "x" * 201):
        yield send(f"/steps/{step}/feedback", VOTE % session_id.encode())
    yield send("/steps/s/feedback?session_id=ignored", b'{"session_id": "nonsense"}')
    yield send("/steps/s/feedback?account_id=nonsense", VOTE % session_id.encode())
    yield send(f"/steps/s/feedback?account_id={uuid4()}", VOTE % session_id.encode())


def said(answer: httpx.Response) -> tuple[int, str | None, dict[str, Any]]:
    """What was answered, without what is new every time."""
    body: dict[str, Any] = json.loads(answer.content)
    for name in ("instance", "id", "session_id", "created_at"):
        body.pop(name, None)
    return answer.status_code, answer.headers.get("content-type"), body


def test_a_direct_call_answers_as_the_framework_does(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = [said(answer) for answer in all_answers(api)]

    async def by_the_framework(self: Direct, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    monkeypatch.setattr(Direct, "__call__", by_the_framework)
    framework = [said(answer) for answer in all_answers(api)]
    assert direct == framework
    assert {status for status, _, _ in direct} == {200, 201, 400, 403, 404, 409, 413, 415, 422}
