"""Single calls judge the state they find, and say so."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from conftest import Api

ENGINEER = uuid4()
FLOW = str(uuid4())


def start(api: Api, **more: object) -> httpx.Response:
    return api("POST", "/sessions", {"flow_id": FLOW, **more}, user_id=ENGINEER)


@pytest.fixture
def session_id(api: Api) -> str:
    return str(start(api).json()["session_id"])


def complete(api: Api, session_id: str, **more: object) -> httpx.Response:
    body = {"outcome": "resolved", **more}
    return api("POST", f"/sessions/{session_id}/complete", body, user_id=ENGINEER)


def hours_ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


# --- starting -------------------------------------------------------------------------------------


def test_a_session_starts_once_however_often_it_is_sent(api: Api) -> None:
    body = {"session_id": str(uuid4()), "started_at": hours_ago(1)}
    first, second = start(api, **body), start(api, **body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert first.json() == {
        **body,
        "flow_id": FLOW,
        "user_id": str(ENGINEER),
        "completed_at": None,
        "outcome": None,
    }


def test_a_session_id_with_other_content_is_a_conflict(api: Api, session_id: str) -> None:
    for other in ({"flow_id": str(uuid4())}, {"started_at": hours_ago(2)}):
        answer = start(api, **{"session_id": session_id, **other})
        assert (answer.status_code, answer.json()["code"]) == (409, "session_conflict")


def test_users_start_their_own_sessions_only(api: Api) -> None:
    assert start(api, user_id=str(uuid4())).status_code == 403
    assert start(api, user_id=str(ENGINEER)).status_code == 201


def test_a_service_says_whose_session_it_starts(api: Api) -> None:
    nobody = api("POST", "/sessions", {"flow_id": FLOW}, role="service")
    assert nobody.status_code == 422
    assert nobody.json()["errors"][0]["pointer"] == "/user_id"
    body = {"flow_id": FLOW, "user_id": str(ENGINEER)}
    assert api("POST", "/sessions", body, role="service").json()["user_id"] == str(ENGINEER)


def test_a_start_more_than_a_day_ahead_is_refused(api: Api) -> None:
    answer = start(api, started_at=hours_ago(-25))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/started_at")
    assert start(api, started_at=hours_ago(-23)).status_code == 201


# --- walking through ------------------------------------------------------------------------------


def test_a_visit_is_its_session_its_step_and_its_time(api: Api, session_id: str) -> None:
    visit = {"step_id": "check-cable", "visited_at": hours_ago(0)}
    statuses = [
        api("POST", f"/sessions/{session_id}/steps", visit, user_id=ENGINEER).status_code
        for _ in range(2)
    ]
    assert statuses == [201, 200]
    later = {"step_id": "check-cable"}
    answer = api("POST", f"/sessions/{session_id}/steps", later, role="service")
    assert answer.status_code == 201


def test_only_the_owner_and_a_service_note_visits(api: Api, session_id: str) -> None:
    for role in ("engineer", "team_admin", "super_admin"):
        answer = api("POST", f"/sessions/{session_id}/steps", {"step_id": "s"}, role=role)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_your_session")
    answer = api("POST", f"/sessions/{uuid4()}/steps", {"step_id": "s"}, role="service")
    assert answer.status_code == 404


# --- completing -----------------------------------------------------------------------------------


def test_completing_again_answers_the_session_as_it_is(api: Api, session_id: str) -> None:
    first = complete(api, session_id)
    again = complete(api, session_id, completed_at=hours_ago(-1))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert first.json()["outcome"] == "resolved"


def test_another_outcome_is_a_conflict(api: Api, session_id: str) -> None:
    complete(api, session_id)
    answer = complete(api, session_id, outcome="escalated")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_completed")


def test_a_session_does_not_end_before_it_starts(api: Api, session_id: str) -> None:
    answer = complete(api, session_id, completed_at=hours_ago(5))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/completed_at")


def test_a_start_dated_by_a_fast_clock_can_be_completed(api: Api) -> None:
    started_at = hours_ago(-0.1)
    session_id = start(api, started_at=started_at).json()["session_id"]
    answer = complete(api, session_id)
    assert (answer.status_code, answer.json()["completed_at"]) == (200, started_at)


def test_completion_waits_for_the_start(api: Api) -> None:
    session_id = str(uuid4())
    event = {
        "id": str(uuid4()),
        "type": "session.completed",
        "occurred_at": hours_ago(0),
        "data": {"session_id": session_id, "outcome": "workaround"},
    }
    assert api.post_events([event]).status_code == 200
    assert complete(api, session_id).status_code == 404
    session = start(api, session_id=session_id, started_at=hours_ago(1))
    assert (session.status_code, session.json()["outcome"]) == (201, "workaround")


def test_an_outcome_can_be_said_of_a_session_that_ended_without_one(api: Api) -> None:
    session_id = start(api, started_at=hours_ago(2)).json()["session_id"]
    event = {
        "id": str(uuid4()),
        "type": "session.completed",
        "occurred_at": hours_ago(1),
        "data": {"session_id": session_id},
    }
    assert api.post_events([event]).status_code == 200
    answer = complete(api, session_id, outcome="escalated")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "escalated")
    assert complete(api, session_id).status_code == 409


def test_an_outcome_counts_however_late_the_end_without_one_was_told(api: Api) -> None:
    session_id = start(api, started_at=hours_ago(9)).json()["session_id"]
    event = {
        "id": str(uuid4()),
        "type": "session.completed",
        "occurred_at": hours_ago(1),
        "data": {"session_id": session_id, "completed_at": hours_ago(8)},
    }
    assert api.post_events([event]).status_code == 200
    answer = complete(api, session_id, outcome="escalated", completed_at=hours_ago(7))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "escalated")


# --- voting ---------------------------------------------------------------------------------------


def vote(api: Api, session_id: str, step_id: str, *, was_helpful: bool = True) -> httpx.Response:
    body = {"session_id": session_id, "was_helpful": was_helpful}
    return api("POST", f"/steps/{step_id}/feedback", body, user_id=ENGINEER)


def test_a_known_flow_takes_votes_on_its_own_steps_only(api: Api, session_id: str) -> None:
    def name_steps(*steps: str) -> None:
        body = {
            "name": "Router",
            "steps": [{"step_id": s, "title": s, "position": i} for i, s in enumerate(steps)],
        }
        api("PUT", f"/flows/{FLOW}", body, role="team_admin")

    assert vote(api, session_id, "never-named").status_code == 201
    name_steps("first", "second")
    assert vote(api, session_id, "first").status_code == 201
    unknown = vote(api, session_id, "third")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "step_not_found")
    name_steps("second")
    assert vote(api, session_id, "first").status_code == 404


def test_only_the_owner_votes(api: Api, session_id: str) -> None:
    body = {"session_id": session_id, "was_helpful": True}
    for role in ("engineer", "service", "super_admin"):
        assert api("POST", "/steps/s/feedback", body, role=role).status_code == 403
        address = f"/steps/s/feedback?session_id={session_id}"
        assert api("DELETE", address, role=role).status_code == 403
    unknown = {"session_id": str(uuid4()), "was_helpful": True}
    assert api("POST", "/steps/s/feedback", unknown).status_code == 404


def test_a_click_beats_a_vote_that_a_fast_clock_dated_ahead(api: Api, session_id: str) -> None:
    event = {
        "id": str(uuid4()),
        "type": "step.feedback",
        "occurred_at": hours_ago(-20),
        "data": {"session_id": session_id, "step_id": "s", "was_helpful": True},
    }
    assert api.post_events([event]).status_code == 200
    changed = vote(api, session_id, "s", was_helpful=False)
    assert (changed.status_code, changed.json()["status"]) == (200, "updated")
    address = f"/steps/s/feedback?session_id={session_id}"
    assert api("DELETE", address, user_id=ENGINEER).status_code == 204
    assert vote(api, session_id, "s").json()["status"] == "created"


@pytest.mark.parametrize(
    "step_id",
    [
        "schritt ü?",
        "a/b",
        "/",
        "//a//",
        "a%2Fb",
        "%",
        "a/../b",
        "/feedback/",
        "{step_id}/",
        "/" * 200,
    ],
)
def test_a_step_id_may_hold_any_character(api: Api, session_id: str, step_id: str) -> None:
    written = quote(step_id, safe="")
    for status in (201, 200):
        answer = vote(api, session_id, written)
        assert (answer.status_code, answer.json()["step_id"]) == (status, step_id)
    lower = written.replace("%2F", "%2f")
    address = f"/steps/{lower}/feedback?session_id={session_id}"
    assert api("DELETE", address, user_id=ENGINEER).status_code == 204
    assert vote(api, session_id, lower).status_code == 201


def test_a_slash_is_part_of_a_step_id_only_where_it_is_written_so(
    api: Api, session_id: str
) -> None:
    for step_id in ("a%2Fb", "c%2Fd", "e"):
        answer = vote(api, session_id, step_id)
        assert answer.json()["step_id"] == step_id.replace("%2F", "/")
    for address in ("a/b", "a%2Fb/c", "/"):
        assert vote(api, session_id, address).status_code == 404


@pytest.mark.parametrize("step_id", ["a%00b", "%ff", "a%2F%00", "%2F%ff", "%2F" * 201])
def test_a_step_id_that_no_database_can_hold_is_refused(
    api: Api, session_id: str, step_id: str
) -> None:
    assert vote(api, session_id, step_id).status_code == 422
    address = f"/steps/{step_id}/feedback?session_id={session_id}"
    assert api("DELETE", address, user_id=ENGINEER).status_code == 422


# --- naming ---------------------------------------------------------------------------------------

PUTS = {
    "users": {"name": "Dana", "role": "engineer"},
    "flows": {"name": "Router", "steps": []},
}


@pytest.mark.parametrize("kind", PUTS)
def test_naming_is_201_then_200(api: Api, kind: str) -> None:
    address = f"/{kind}/{uuid4()}"
    for role, status in (("service", 201), ("team_admin", 200), ("super_admin", 200)):
        assert api("PUT", address, PUTS[kind], role=role).status_code == status
    assert api("PUT", address, PUTS[kind], role="engineer").status_code == 403


def test_an_account_is_named_by_its_own(api: Api) -> None:
    body = {"name": "Ours", "time_zone": "Europe/Berlin"}
    own = f"/accounts/{api.account_id}"
    assert api("PUT", own, body, role="team_admin").status_code == 201
    assert api("PUT", own, body, role="service").status_code == 200
    assert api("PUT", f"/accounts/{uuid4()}", body, role="service").status_code == 404
    unknown = api("PUT", own, body | {"time_zone": "Mars/Base"}, role="service")
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/time_zone")


def test_a_super_admin_names_any_account(api: Api) -> None:
    other = uuid4()
    body = {"name": "Theirs", "time_zone": "UTC"}
    address = f"/accounts/{other}?account_id={other}"
    assert api("PUT", address, body, role="super_admin").status_code == 201
    assert api("PUT", address, body, role="team_admin").status_code == 403


def test_only_a_super_admin_grants_super_admin(api: Api) -> None:
    body = {"name": "Dana", "role": "super_admin"}
    address = f"/users/{uuid4()}"
    assert api("PUT", address, body, role="team_admin").status_code == 403
    assert api("PUT", address, body, role="super_admin").status_code == 201


def test_a_flow_names_each_step_once(api: Api) -> None:
    step = {"step_id": "s", "title": "S", "position": 0}
    body = {"name": "Router", "steps": [step, step]}
    answer = api("PUT", f"/flows/{uuid4()}", body, role="service")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/steps/1/step_id")


# --- erasing --------------------------------------------------------------------------------------


def test_a_deleted_session_is_gone_for_good(api: Api, session_id: str) -> None:
    assert api("DELETE", f"/sessions/{session_id}", role="engineer").status_code == 403
    for _ in range(2):
        assert api("DELETE", f"/sessions/{session_id}", role="team_admin").status_code == 204
    assert complete(api, session_id).status_code == 404
    again = start(api, session_id=session_id)
    assert (again.status_code, again.json()["code"]) == (409, "erased")


def test_an_erased_user_is_gone_for_good(api: Api, session_id: str) -> None:
    for _ in range(2):
        assert api("DELETE", f"/users/{ENGINEER}", role="service").status_code == 204
    assert complete(api, session_id).status_code == 404
    assert start(api).status_code == 409
    body = {"name": "Dana", "role": "engineer"}
    assert api("PUT", f"/users/{ENGINEER}", body, role="service").status_code == 409


# --- ids ------------------------------------------------------------------------------------------


def test_a_malformed_id_is_404_in_a_path_and_422_elsewhere(api: Api) -> None:
    assert api("POST", "/sessions/nonsense/rate", {"rating": 5}).status_code == 404
    assert api("DELETE", "/steps/s/feedback?session_id=nonsense").status_code == 422
    assert api("POST", "/sessions", {"flow_id": "nonsense"}).status_code == 422
    assert api("GET", "/analytics/me?account_id=nonsense").status_code == 422


def test_another_accounts_session_is_as_absent_as_none(api: Api, session_id: str) -> None:
    """The same answer to the byte, `instance` aside."""
    answers = []
    for wanted in (session_id, str(uuid4())):
        answer = api.of(uuid4())(
            "POST", f"/sessions/{wanted}/rate", {"rating": 5}, user_id=ENGINEER
        )
        body = answer.json()
        del body["instance"]
        answers.append((answer.status_code, body))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
