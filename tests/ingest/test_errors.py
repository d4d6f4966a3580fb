"""Bad requests: every error is a problem, and none of them is ours."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from conftest import Api

from ingest.auth import Identity, issue_token, read_token
from ingest.keys import SharedSecret
from ingest.problems import Unauthorized

RATE = f"/sessions/{uuid4()}/rate"


def send(api: Api, content: bytes, content_type: str | None = "application/json") -> httpx.Response:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return api("POST", RATE, content=content, headers=headers)


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"].endswith(f"/problems/{code}")
    assert body["instance"].startswith("urn:uuid:")
    assert body["title"]
    assert body["detail"]
    assert body["retryable"] is (status == 503)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"rating": 5, "comment": "\xff"}',
        b'{"rating": 5, "comment": "a\\u0000b"}',
        b'{"rating": "\\u0000"}',
        b'{"rating": 5, "comment": "a\x00b"}',
        b"[" * 5000,
        b'{"rating": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"rating": 5',
    ],
    ids=lambda content: repr(content[:24]),
)
def test_a_malformed_body_is_400(api: Api, content: bytes) -> None:
    assert_problem(send(api, content), 400, "malformed_body")


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (b"{}", ""),
        (b"[]", ""),
        (b"null", ""),
        (b'{"rating": 0}', "/rating"),
        (b'{"rating": "5"}', "/rating"),
        (b'{"rating": true}', "/rating"),
        (b'{"rating": 4.5}', "/rating"),
        (b'{"rating": 99999999999999999999999999}', "/rating"),
        (b'{"rating": 5, "comment": "' + b"x" * 501 + b'"}', "/comment"),
        (b'{"rating": 5, "stars": 1}', ""),
    ],
    ids=lambda value: repr(value[:28]),
)
def test_a_broken_rule_is_422_and_points_at_the_place(
    api: Api, content: bytes, pointer: str
) -> None:
    answer = send(api, content)
    assert_problem(answer, 422, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_an_escaped_backslash_before_u0000_is_no_nul(api: Api) -> None:
    answer = send(api, b'{"rating": 5, "comment": "the text \\\\u0000"}')
    assert_problem(answer, 404, "session_not_found")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-ndjson", "", None])
def test_another_content_type_is_415(api: Api, content_type: str | None) -> None:
    answer = send(api, b'{"rating": 5}', content_type)
    assert_problem(answer, 415, "unsupported_media_type")


def test_a_body_over_the_cap_is_413(api: Api) -> None:
    comment = b"x" * api.settings.max_body_bytes
    answer = send(api, b'{"rating": 5, "comment": "' + comment + b'"}')
    assert_problem(answer, 413, "too_large")


def test_an_unknown_address_is_404(api: Api) -> None:
    assert_problem(api("GET", "/nowhere"), 404, "not_found")


def test_an_unknown_method_is_405(api: Api) -> None:
    answer = api("PATCH", RATE)
    assert_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


def test_no_token_is_401_and_says_which_is_wanted(api: Api) -> None:
    answer = httpx.get(f"{api.url}/api/v1/analytics/me")
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def faulty_tokens(api: Api) -> dict[str, str]:
    now = datetime.now(UTC)
    claims = {
        "sub": str(uuid4()),
        "account_id": str(api.account_id),
        "role": "engineer",
        "iss": "upshot",
        "aud": "upshot",
        "iat": now,
        "exp": now + timedelta(hours=1),
    }

    def sign(changes: dict[str, object], **how: str) -> str:
        changed = {name: value for name, value in (claims | changes).items() if value is not None}
        options: dict[str, Any] = {"key": api.settings.jwt_secret} | how
        return jwt.encode(changed, **options)

    return {
        "another secret": sign({}, key="x" * 40),
        "no signature": sign({}, key="", algorithm="none"),
        "another algorithm": sign({}, algorithm="HS512"),
        "expired": sign({"exp": now - timedelta(minutes=5)}),
        "another issuer": sign({"iss": "elsewhere"}),
        "another audience": sign({"aud": "elsewhere"}),
        "unknown role": sign({"role": "king"}),
        "account is no UUID": sign({"account_id": "a"}),
        "user is no UUID": sign({"sub": "b"}),
        **{f"without {name}": sign({name: None}) for name in claims},
        "nonsense": "a.b.c",
    }


def test_a_faulty_token_is_401(api: Api) -> None:
    accepted = []
    for fault, token in faulty_tokens(api).items():
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.get(f"{api.url}/api/v1/analytics/me", headers=headers)
        if answer.status_code != 401:
            accepted.append(fault)
    assert accepted == []


def test_a_token_that_was_good_expires(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its signature is not checked twice."""
    monkeypatch.setattr("ingest.auth.LEEWAY", timedelta(0))
    who = Identity(user_id=uuid4(), account_id=api.account_id, role="engineer")
    key = SharedSecret(api.settings.jwt_secret or "").key
    token = issue_token(api.settings, who, timedelta(seconds=2))
    assert read_token(api.settings, key, token) == who
    time.sleep(2.1)
    with pytest.raises(Unauthorized):
        read_token(api.settings, key, token)


def test_another_scheme_than_bearer_is_401(api: Api) -> None:
    for scheme in ("Basic", "Token", ""):
        headers = {"Authorization": f"{scheme} {api.token()}".strip()}
        answer = httpx.get(f"{api.url}/api/v1/analytics/me", headers=headers)
        assert_problem(answer, 401, "unauthorized")


def test_every_problem_type_leads_to_its_explanation(api: Api) -> None:
    address = send(api, b"{").json()["type"].removeprefix(api.settings.public_url)
    answer = httpx.get(api.url + address)
    assert answer.status_code == 200
    assert answer.json()["status"] == 400
    assert "UTF-8" in answer.json()["description"]


def test_the_openapi_document_describes_every_call(api: Api) -> None:
    document = httpx.get(f"{api.url}/schema/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["operationId"], (method, path)
            assert operation["summary"], (method, path)
            for status, answer in operation["responses"].items():
                if path.startswith("/api/") and int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (path, status)
            if method in {"post", "put"}:
                content = operation["requestBody"]["content"]["application/json"]
                assert _has_example(content, document), (method, path)


def _has_example(content: dict[str, Any], document: dict[str, Any]) -> bool:
    if "examples" in content or "example" in content:
        return True
    name = content["schema"]["$ref"].rpartition("/")[2]
    return "example" in str(document["components"]["schemas"][name])


def test_it_lives_and_is_ready(api: Api) -> None:
    for state in ("live", "ready"):
        answer = httpx.get(f"{api.url}/health/{state}")
        assert (answer.status_code, answer.json()) == (200, {"status": state})
