"""The OpenAPI document lists the statuses that happen, and its examples work as they stand.

That no other status happens is shown by requests made from the document itself.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import jsonschema_rs
import pytest
from acquaintance import STEP, Acquaintance
from conftest import Api, Serve, with_changes
from events import LONG_AGO
from test_concurrent_events import at_once

from ingest.openapi import EXAMPLES
from ingest.refresh import refresh

METHODS = {"post", "put", "get", "delete"}
A_MART = "daily_outcomes"
"""It stands for all of them: their operations are made alike."""


class Call(NamedTuple):
    """A request that is right, of somebody who may send it."""

    method: str
    path: str
    body: Any = None
    role: str = "engineer"
    query: str = ""


def right_calls(known: Acquaintance) -> dict[str, Call]:
    """Return a request that is accepted for each operation."""
    completed = f"/sessions/{known.completed}"
    event = {
        "id": str(uuid4()),
        "type": "user.upserted",
        "occurred_at": LONG_AGO,
        "data": {"user_id": str(uuid4()), "name": "Ada", "role": "engineer"},
    }
    vote = {"session_id": str(known.open), "was_helpful": True}
    user = {"name": "Dana", "role": "engineer"}
    account = {"name": "Ours", "time_zone": "UTC"}
    start = {"session_id": str(uuid4()), "flow_id": str(known.flow_id), "started_at": LONG_AGO}
    return {
        "startSession": Call("POST", "/sessions", start),
        "visitStep": Call("POST", f"{completed}/steps", {"step_id": "a", "visited_at": LONG_AGO}),
        "completeSession": Call("POST", f"{completed}/complete", {"outcome": "resolved"}),
        "rateSession": Call("POST", f"{completed}/rate", {"rating": 5}),
        "createRating": Call("POST", f"{completed}/ratings", {"rating": 5}),
        "deleteSession": Call("DELETE", f"/sessions/{uuid4()}", role="service"),
        "voteOnStep": Call("POST", f"/steps/{STEP}/feedback", vote),
        "withdrawVote": Call("DELETE", f"/steps/{STEP}/feedback", query=f"session_id={known.open}"),
        "putAccount": Call("PUT", f"/accounts/{known.api.account_id}", account, "service"),
        "putUser": Call("PUT", f"/users/{uuid4()}", user, "service"),
        "eraseUser": Call("DELETE", f"/users/{uuid4()}", role="service"),
        "exportUser": Call("GET", f"/users/{known.user_id}/export"),
        "putFlow": Call("PUT", f"/flows/{uuid4()}", {"name": "Router", "steps": []}, "service"),
        "postEvents": Call("POST", "/events", [event], "service"),
        "getTeamAnalytics": Call("GET", "/analytics/team", role="team_admin"),
        "getOwnAnalytics": Call("GET", "/analytics/me"),
        "getCaller": Call("GET", "/me"),
        "getFigureMeanings": Call("GET", "/figures"),
        "getFlowAnalytics": Call("GET", f"/analytics/flows/{known.flow_id}"),
        "listSessions": Call("GET", "/sessions"),
        "listComments": Call("GET", "/comments"),
        "listMarts": Call("GET", "/marts", role="team_admin"),
        "describeMart": Call("GET", f"/marts/{A_MART}/schema", role="team_admin"),
        "readMart": Call("GET", f"/marts/{A_MART}", role="team_admin"),
        f"read_{A_MART}": Call("GET", f"/marts/{A_MART}", role="service"),
    }


def send(known: Acquaintance, call: Call, **more: Any) -> httpx.Response:
    body = {} if call.body is None else {"content": json.dumps(call.body)}
    headers = {} if call.body is None else {"Content-Type": "application/json"}
    headers |= more.pop("headers", {})
    path = f"{call.path}?{call.query}"
    options = {"role": call.role, "user_id": known.user_id, "headers": headers, **body, **more}
    return known.api(call.method, path, **options)


def send_again(known: Acquaintance, call: Call) -> httpx.Response:
    send(known, call)
    return send(known, call)


# --- how each status is provoked -----------------------------------------------------------------


How = Callable[[Acquaintance, Call], httpx.Response]


def without_a_token(known: Acquaintance, call: Call) -> httpx.Response:
    return send(known, call, headers={"Authorization": ""})


def for_another_account(known: Acquaintance, call: Call) -> httpx.Response:
    return send(known, call._replace(query=f"account_id={uuid4()}&{call.query}"))


def for_no_account(known: Acquaintance, call: Call) -> httpx.Response:
    return send(known, call._replace(query=f"account_id=nonsense&{call.query}"))


def of_no_json(known: Acquaintance, call: Call) -> httpx.Response:
    return send(known, call, content=b"{")


def too_large(known: Acquaintance, call: Call) -> httpx.Response:
    return send(known, call, content=b" " * (known.api.settings.max_body_bytes + 1))


def of_another_type(known: Acquaintance, call: Call) -> httpx.Response:
    return send(known, call, headers={"Content-Type": "text/csv"})


def of_no_id(known: Acquaintance, call: Call) -> httpx.Response:
    _, kind, _, *rest = call.path.split("/")
    if kind == "marts":
        return send(known, call._replace(path="/".join(["", kind, "nonsense", *rest])))
    if kind == "analytics":
        return send(known, call._replace(path="/analytics/flows/nonsense"))
    if kind == "steps":
        absent = str(uuid4())
        body = call.body and call.body | {"session_id": absent}
        return send(known, call._replace(body=body, query=f"session_id={absent}"))
    return send(known, call._replace(path="/".join(["", kind, "nonsense", *rest])))


def of_other_content(known: Acquaintance, call: Call) -> httpx.Response:
    send(known, call)
    return send(known, call._replace(body=call.body | {"flow_id": str(uuid4())}))


def of_another_outcome(known: Acquaintance, call: Call) -> httpx.Response:
    return send(known, call._replace(body={"outcome": "escalated"}))


def of_someone_erased(known: Acquaintance, call: Call) -> httpx.Response:
    send(known, call._replace(method="DELETE", body=None))
    return send(known, call)


def of_a_picture(known: Acquaintance, call: Call) -> httpx.Response:
    return send(known, call, headers={"Accept": "image/png"})


def of_what_is_known(known: Acquaintance, call: Call) -> httpx.Response:
    # Before its first refresh an account has no state that could be told apart.
    refresh(known.api.settings, str(known.api.settings.database_url))
    etag = send(known, call).headers["etag"]
    return send(known, call, headers={"If-None-Match": etag})


def of_a_faulty_item(known: Acquaintance, call: Call) -> httpx.Response:
    return send(known, call._replace(body=[*call.body, {}]))


OF_EVERY_CALL: dict[int, How] = {
    401: without_a_token,
    403: for_another_account,
    422: for_no_account,
}
OF_ROWS: dict[int, How] = {200: send, 304: of_what_is_known, 406: of_a_picture}
OF_A_BODY: dict[int, How] = {400: of_no_json, 413: too_large, 415: of_another_type}
NEW: dict[int, How] = {201: send, 200: send_again}

HOWS: dict[str, dict[int, How]] = {
    "startSession": OF_A_BODY | NEW | {409: of_other_content},
    "visitStep": OF_A_BODY | NEW | {404: of_no_id},
    "completeSession": OF_A_BODY | {200: send, 404: of_no_id, 409: of_another_outcome},
    "rateSession": OF_A_BODY | {201: send, 404: of_no_id, 409: send_again},
    "createRating": OF_A_BODY | {201: send, 404: of_no_id, 409: send_again},
    "deleteSession": {204: send, 404: of_no_id},
    "voteOnStep": OF_A_BODY | NEW | {404: of_no_id},
    "withdrawVote": {204: send, 404: of_no_id},
    "putAccount": OF_A_BODY | {200: send, 404: of_no_id},
    "putUser": OF_A_BODY | NEW | {404: of_no_id, 409: of_someone_erased},
    "eraseUser": {204: send, 404: of_no_id},
    "exportUser": {200: send, 404: of_no_id},
    "putFlow": OF_A_BODY | NEW | {404: of_no_id},
    "postEvents": OF_A_BODY | {200: send, 207: of_a_faulty_item},
    "getTeamAnalytics": {200: send, 304: of_what_is_known},
    "getOwnAnalytics": {200: send, 304: of_what_is_known},
    "getFlowAnalytics": {200: send, 304: of_what_is_known, 404: of_no_id},
    "getCaller": {200: send},
    "getFigureMeanings": {200: send},
    "listSessions": {200: send},
    "listComments": {200: send, 304: of_what_is_known},
    "listMarts": {200: send},
    "describeMart": {200: send, 404: of_no_id},
    "readMart": OF_ROWS | {404: of_no_id},
    f"read_{A_MART}": OF_ROWS,
}
HOWS = {name: OF_EVERY_CALL | hows for name, hows in HOWS.items()}

READS = (
    *("getTeamAnalytics", "getOwnAnalytics", "getFlowAnalytics"),
    *("getCaller", "getFigureMeanings", "listSessions", "listComments", "exportUser"),
    *("listMarts", "describeMart", "readMart", f"read_{A_MART}"),
)

ELSEWHERE: dict[str, set[int]] = {
    # An account is new once.
    "putAccount": {201},
    "getLiveness": {200},
    "getReadiness": {200},
    "getProblem": {200, 404},
}
"""What tests of their own provoke."""

BEYOND_THE_QUOTA = {name: {429} for name in HOWS if name not in READS}
WITHOUT_A_DATABASE = {name: {503} for name in (*HOWS, "getReadiness")}


def operations_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for operations in document["paths"].values()
        for method, operation in operations.items()
        if method in METHODS
    }


@pytest.fixture(scope="module")
def document(whole_api: Api) -> dict[str, Any]:
    document: dict[str, Any] = httpx.get(f"{whole_api.url}/schema/openapi.json").json()
    return document


@pytest.fixture
def known(whole_api: Api) -> Acquaintance:
    return Acquaintance(whole_api.of(uuid4()))


def test_the_document_lists_what_is_provoked_here_and_no_more(document: dict[str, Any]) -> None:
    provoked: dict[str, set[int]] = defaultdict(set)
    for statuses in (HOWS, ELSEWHERE, BEYOND_THE_QUOTA, WITHOUT_A_DATABASE):
        for name, some in statuses.items():
            provoked[name] |= set(some)
    documented = {
        name: set(map(int, operation["responses"]))
        for name, operation in operations_of(document).items()
    }
    marts = {name for name in documented if name.startswith("read_")}
    assert len(marts) > 10
    assert all(documented[name] == documented[f"read_{A_MART}"] for name in marts)
    assert provoked == {
        name: statuses
        for name, statuses in documented.items()
        if name not in marts or name == f"read_{A_MART}"
    }


def assert_is_documented(answer: httpx.Response, operation: dict[str, Any]) -> None:
    response = operation["responses"][str(answer.status_code)]
    content_type = answer.headers.get("content-type")
    assert content_type in (list(response["content"]) if "content" in response else [None])
    for header in response.get("headers", {}):
        assert header in answer.headers


@pytest.mark.parametrize(
    ("name", "status"), [(name, status) for name, hows in HOWS.items() for status in hows]
)
def test_every_documented_status_happens(
    known: Acquaintance, document: dict[str, Any], name: str, status: int
) -> None:
    answer = HOWS[name][status](known, right_calls(known)[name])
    assert answer.status_code == status, answer.text
    assert_is_documented(answer, operations_of(document)[name])


def test_an_account_is_created_once(whole_api: Api, known: Acquaintance) -> None:
    known.api = whole_api.of(uuid4())
    assert send(known, right_calls(known)["putAccount"]).status_code == 201


def test_the_service_tells_of_itself(whole_api: Api, document: dict[str, Any]) -> None:
    for name, path, status in (
        ("getLiveness", "/health/live", 200),
        ("getReadiness", "/health/ready", 200),
        ("getProblem", "/problems/already_rated", 200),
        ("getProblem", "/problems/nonsense", 404),
    ):
        answer = httpx.get(f"{whole_api.url}{path}")
        assert answer.status_code == status
        assert_is_documented(answer, operations_of(document)[name])


def test_beyond_the_quota_every_write_is_429(
    serve: Serve,
    whole_api: Api,
    known: Acquaintance,
    document: dict[str, Any],
) -> None:
    settings = with_changes(whole_api.settings, quota_events=500, quota_seconds=86_400)
    calls = right_calls(known)
    known.api = Api(serve(settings), settings, uuid4())
    assert known.api.post_events([{}] * 500).status_code == 207
    for name in BEYOND_THE_QUOTA:
        answer = send(known, calls[name])
        assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded"), name
        assert_is_documented(answer, operations_of(document)[name])
    assert send(known, calls["getOwnAnalytics"]).status_code == 200


def test_without_its_database_every_call_is_503(
    serve: Serve,
    whole_api: Api,
    known: Acquaintance,
    document: dict[str, Any],
) -> None:
    settings = with_changes(
        whole_api.settings, database_url="postgresql://nobody@127.0.0.1:1/nothing"
    )
    calls = right_calls(known)
    known.api = Api(serve(settings), settings, known.api.account_id)
    names = sorted(HOWS)
    # All at once: each waits for a connection in vain.
    answers = at_once([lambda name=name: send(known, calls[name]) for name in names])  # type: ignore[misc]
    answers.append(httpx.get(f"{known.api.url}/health/ready"))
    for name, answer in zip([*names, "getReadiness"], answers, strict=True):
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), name
        assert answer.json()["retryable"]
        assert_is_documented(answer, operations_of(document)[name])


# --- examples ------------------------------------------------------------------------------------


def test_every_body_has_an_example_that_is_accepted(
    whole_api: Api, document: dict[str, Any]
) -> None:
    """In the order of a session's life, as the examples tell one."""
    api = whole_api.of(uuid4())
    user_id, session_id = uuid4(), EXAMPLES["NewSession"]["session_id"]
    places = {
        "session_id": session_id,
        "step_id": EXAMPLES["NewVisit"]["step_id"],
        "account_id": api.account_id,
        "user_id": user_id,
        "flow_id": EXAMPLES["NewSession"]["flow_id"],
    }
    sent = []
    for name in (
        *("putAccount", "putUser", "putFlow", "startSession", "visitStep", "voteOnStep"),
        *("completeSession", "rateSession", "createRating", "postEvents"),
    ):
        operation = operations_of(document)[name]
        [(path, method)] = [
            (path, method)
            for path, operations in document["paths"].items()
            for method, each in operations.items()
            if each == operation
        ]
        role = "engineer" if operation["tags"] in (["Sessions"], ["Steps"]) else "service"
        for content_type, content in operation["requestBody"]["content"].items():
            for example in content["examples"].values():
                value = example["value"]
                answer = api(
                    method.upper(),
                    path.format(**places).removeprefix("/api/v1"),
                    role=role,
                    user_id=user_id,
                    content=value if isinstance(value, str) else json.dumps(value),
                    headers={"Content-Type": content_type},
                )
                # The two addresses of a rating are one call: the second is late.
                expected = {409} if name == "createRating" else {200, 201}
                assert answer.status_code in expected, (name, answer.text)
                sent.append(name)
    with_bodies = [n for n, each in operations_of(document).items() if "requestBody" in each]
    assert set(sent) == set(with_bodies)


def test_every_example_of_a_field_fits_the_field(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    fields = [
        (name, field, schema)
        for name, each in schemas.items()
        for field, schema in each.get("properties", {}).items()
    ]
    assert any("examples" in schema for _, _, schema in fields)
    for name, field, schema in fields:
        whole = schema | {"components": {"schemas": schemas}}
        for example in schema.get("examples", []):
            assert jsonschema_rs.is_valid(whole, example, validate_formats=True), (name, field)


def test_an_unknown_field_is_forbidden_in_the_document_as_it_is_in_fact(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    bodies = [*EXAMPLES, "SessionStartedEvent", "SessionStarted"]
    assert [name for name in bodies if schemas[name].get("additionalProperties", True)] == []


def may_be_null(schema: dict[str, Any]) -> bool:
    """Tell whether the schema of a parameter lets the word null through."""
    value = ["null"] if schema.get("type") == "array" else "null"
    return bool(jsonschema_rs.is_valid(schema, value, validate_formats=True))


@pytest.mark.parametrize("word", ["null", "NULL", "%6eull"])
def test_the_word_null_is_a_value_for_a_text_alone(
    known: Acquaintance, document: dict[str, Any], word: str
) -> None:
    calls = right_calls(known)
    taken = []
    for name, operation in operations_of(document).items():
        for parameter in operation.get("parameters", []):
            if name not in calls or parameter["in"] != "query" or may_be_null(parameter["schema"]):
                continue
            others = calls[name].query
            asked = f"{parameter['name']}={word}" + (f"&{others}" if others else "")
            answer = send(known, calls[name]._replace(query=asked))
            if answer.status_code != 422:
                taken.append((name, parameter["name"]))
            else:
                places = {each["pointer"] for each in answer.json()["errors"]}
                assert places == {f"/{parameter['name']}"}
    assert taken == []


def test_figures_are_described_by_the_marts_that_define_them(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    mart = schemas["MartRow.account_summaries"]["properties"]
    for name in ("completion_rate", "p50_duration_minutes", "csat_percent", "response_rate"):
        said = schemas["Summary"]["properties"][name]["description"]
        assert said == mart[name]["description"]
        assert said.endswith(("none did.", "is completed.", "without any.", "Null without any."))
    steps = schemas["MartRow.step_summaries"]["properties"]
    assert (
        schemas["Step"]["properties"]["drop_off"]["description"] == steps["drop_off"]["description"]
    )
