"""Whatever the OpenAPI document allows or forbids, the API answers as the document says.

Requests are made from the running API's own document, good ones and bad ones, and sent with every
kind of token. UPSHOT_EXAMPLES says how many an operation gets of each.
"""

import json
import os
import sys
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import requests
import schemathesis
from acquaintance import Acquaintance
from conftest import Api, Serve
from framework_defaults import default_errors
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks as openapi_checks

from ingest.problems import PROBLEMS

EXAMPLES = int(os.environ.get("UPSHOT_EXAMPLES", "60"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    # A run of the suite says the same every time; a soak looks for what it did not try yet.
    derandomize="UPSHOT_EXAMPLES" not in os.environ,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ROLES = {
    "Events": "service",
    "Directory": "service",
    "Analytics": "team_admin",
    "Comments": "team_admin",
    "Marts": "team_admin",
}
"""Who mostly asks, where it is not the engineer."""

UNSAYABLE = (
    "Expected `int`, got `float`.",
    "A text holds a NUL character.",
    "The time is before 1970.",
    "The time is more than 24 hours in the future.",
    "The time zone is not a known IANA name.",
    "The flow names this step twice.",
    "A service has to say whose session it is.",
    "The session would be completed before its start.",
    "Only a completed session can be rated.",
    "Give a period, or from and to, not both.",
    "A window needs both from and to.",
    "The window ends before it begins.",
    "A window has at most 1100 days.",
    "Which step? Name it with step_id.",
    "The cursor is none that this list has given.",
    "This is no cursor of this query: its mart, filters, order and account.",
    "A column is named twice.",
    "This number is too large or too small.",
    "This is not between the years 1 and 9999.",
    "The calendar has no window before this one.",
    "All rows come as ndjson, csv, parquet or arrow; JSON has pages.",
)
"""The rules that a schema has no words for: only for them is a valid request refused."""


@schemathesis.serializer("application/x-ndjson")
def _as_lines(_: schemathesis.SerializationContext, items: Any) -> bytes:
    lines = items if isinstance(items, list) else [items]
    return b"\n".join(json.dumps(line).encode() for line in lines)


def document_of(url: str) -> dict[str, Any]:
    document: dict[str, Any] = httpx.get(f"{url}/schema/openapi.json").json()
    content = document["paths"]["/api/v1/events"]["post"]["requestBody"]["content"]
    # A line of it is what an item of the array is.
    content["application/x-ndjson"]["schema"] = content["application/json"]["schema"]
    del content["application/x-ndjson"]["examples"]
    return document


def operations_of(document: dict[str, Any]) -> list[Any]:
    # A faulty item of a batch is refused by its own result.
    refusals = ["207", "400", "401", "403", "404", "409", "413", "415", "422"]
    config = schemathesis.Config.from_dict(
        {
            "checks": {"negative_data_rejection": {"expected-statuses": refusals}},
            # The tokens are ours.
            "generation": {"with-security-parameters": False},
        }
    )
    schema = schemathesis.openapi.from_dict(document, config=config)
    operations = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    assert len(operations) == sum(map(len, document["paths"].values()))
    return operations


def is_no_fault(_: Any, response: Any, __: Any) -> None:
    assert response.status_code < 500, response.text


def is_a_problem(_: Any, response: Any, __: Any) -> None:
    """Check that whatever is no success is a problem as promised."""
    if response.status_code < 400:
        return
    assert response.headers["content-type"] == ["application/problem+json"]
    problem = response.json()
    kind = PROBLEMS[problem["code"]]
    expected = (kind.title, kind.status, kind.retryable)
    assert expected == (problem["title"], problem["status"], problem["retryable"])
    assert problem["type"].endswith(f"/problems/{kind.code}")
    assert problem["type"].startswith("http")
    assert problem["instance"].startswith("urn:uuid:")
    assert problem["detail"]
    assert ("errors" in problem) == (kind.code == "invalid"), problem


def is_refused_for_what_no_schema_says(_: Any, response: Any, case: Any) -> None:
    """Check that a request that fits the document is not called malformed."""
    if case.meta.generation.mode.is_positive and response.status_code in {400, 413, 415, 422}:
        assert response.json()["detail"] in UNSAYABLE, response.text


LONGEST_ADDRESS = 65_000

CHECKS = [
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.negative_data_rejection,
    is_no_fault,
    is_a_problem,
    is_refused_for_what_no_schema_says,
]


class Walk:
    """Requests to every operation, and what was wrong with the answers."""

    def __init__(self, url: str, known: Acquaintance) -> None:
        self.url = url
        self.known = known
        self.statuses: Counter[int] = Counter()
        self.faults: dict[str, str] = {}

    def go(self, document: dict[str, Any]) -> None:
        with requests.Session() as session:
            for operation in operations_of(document):
                try:
                    self._send(operation, session)
                except (Exception, FailureGroup) as fault:  # noqa: BLE001 - each kind is told of
                    self.faults[operation.label] = "\n".join(
                        [str(fault), *getattr(fault, "__notes__", [])]
                    )

    def _send(self, operation: Any, session: requests.Session) -> None:
        known = self.known
        good = list(known.tokens.values())
        (area,) = operation.definition.raw["tags"]
        fitting = known.tokens[ROLES.get(area, "engineer")]
        cases = [
            operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode
        ]

        @given(
            case=st.one_of(cases),
            token=st.sampled_from([*[fitting] * 6, *good, good[0][:-1], None]),
            session_id=st.sampled_from([None, *map(str, known.sessions)]),
            is_at_home=st.sampled_from([True, True, False]),
        )
        @SETTINGS
        def send(case: Any, token: str | None, session_id: str | None, is_at_home: bool) -> None:
            refer(case, known, session_id, is_at_home=is_at_home)
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            response = case.call(base_url=self.url, session=session, headers=headers, timeout=30)
            self.statuses[response.status_code] += 1
            if len(str(response.request.url)) > LONGEST_ADDRESS:
                # The HTTP server turns it away before anybody else sees it.
                assert response.status_code == 400
                return
            case.validate_response(response, checks=CHECKS)

        send()


def refer(case: Any, known: Acquaintance, session_id: str | None, *, is_at_home: bool) -> None:
    """Let the request be about what there is: an unknown id gets no further than 404."""
    query = case.query
    # What is wrong on purpose stays so: it may be all that is wrong.
    if is_at_home and isinstance(query, dict) and is_id(query.get("account_id")):
        del query["account_id"]
    if session_id is None or case.operation.definition.raw["operationId"] == "deleteSession":
        return
    for name, known_id in (("session_id", session_id), ("flow_id", str(known.flow_id))):
        for place in (case.path_parameters, query, case.body):
            if isinstance(place, dict) and is_id(place.get(name)):
                place[name] = known_id


def is_id(value: object) -> bool:
    try:
        return str(UUID(str(value))) == value
    except ValueError:
        return False


def test_every_answer_is_what_the_document_says(
    whole_api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    walk = Walk(whole_api.url, Acquaintance(whole_api.of(uuid4())))
    walk.go(document_of(whole_api.url))
    with capsys.disabled():
        statuses = ", ".join(f"{of}: {count:,}" for of, count in sorted(walk.statuses.items()))
        sys.stderr.write(f"\n{walk.statuses.total():,} generated requests, answered {statuses}\n")
    assert not walk.faults, "\n\n".join(f"{of}: {said}" for of, said in walk.faults.items())
    assert {200, 201, 204, 207, 400, 401, 403, 404, 409, 422} <= set(walk.statuses)


def test_an_api_that_answers_errors_as_the_framework_does_is_found(
    serve: Serve,
    whole_api: Api,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control: an API with the framework's own handlers does not pass the test above."""
    default_errors(monkeypatch)
    walk = Walk(serve(whole_api.settings), Acquaintance(whole_api.of(uuid4())))
    document = document_of(whole_api.url)
    document["paths"] = {
        path: operations for path, operations in document["paths"].items() if "/steps" in path
    }
    walk.go(document)
    assert set(walk.faults) == {
        "POST /api/v1/sessions/{session_id}/steps",
        "POST /api/v1/steps/{step_id}/feedback",
        "DELETE /api/v1/steps/{step_id}/feedback",
    }
