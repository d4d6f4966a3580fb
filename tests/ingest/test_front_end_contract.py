"""What the first front end relies on, a test each."""

from uuid import UUID, uuid4

import pytest
from conftest import Api

ENGINEER = uuid4()


@pytest.fixture
def session_id(api: Api) -> str:
    answer = api("POST", "/sessions", {"flow_id": str(uuid4())}, user_id=ENGINEER)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["session_id"])


@pytest.fixture
def completed(api: Api, session_id: str) -> str:
    answer = api(
        "POST", f"/sessions/{session_id}/complete", {"outcome": "resolved"}, user_id=ENGINEER
    )
    assert answer.status_code == 200, answer.text
    return session_id


def test_a_completed_session_is_rated(api: Api, completed: str) -> None:
    answer = api(
        "POST",
        f"/sessions/{completed}/rate",
        {"rating": 4, "comment": "Quick."},
        user_id=ENGINEER,
    )
    assert answer.status_code == 201
    body = answer.json()
    assert UUID(body.pop("id"))
    assert body.pop("created_at").endswith("Z")
    assert body == {"session_id": completed, "rating": 4, "comment": "Quick."}


def test_the_older_address_of_rating_works(api: Api, completed: str) -> None:
    answer = api("POST", f"/sessions/{completed}/ratings", {"rating": 1}, user_id=ENGINEER)
    assert answer.status_code == 201
    assert answer.json()["comment"] is None


def test_a_second_rating_is_a_conflict(api: Api, completed: str) -> None:
    for status in (201, 409):
        answer = api("POST", f"/sessions/{completed}/rate", {"rating": 5}, user_id=ENGINEER)
        assert answer.status_code == status
    assert answer.json()["code"] == "already_rated"


def test_a_rating_of_six_is_invalid(api: Api, completed: str) -> None:
    answer = api("POST", f"/sessions/{completed}/rate", {"rating": 6}, user_id=ENGINEER)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/rating"]


def test_a_session_that_is_not_completed_cannot_be_rated(api: Api, session_id: str) -> None:
    answer = api("POST", f"/sessions/{session_id}/rate", {"rating": 5}, user_id=ENGINEER)
    assert answer.status_code == 400
    assert answer.json()["code"] == "session_not_completed"


def test_someone_elses_session_cannot_be_rated(api: Api, completed: str) -> None:
    answer = api("POST", f"/sessions/{completed}/rate", {"rating": 5}, user_id=uuid4())
    assert answer.status_code == 403


def test_an_unknown_session_cannot_be_rated(api: Api) -> None:
    answer = api("POST", f"/sessions/{uuid4()}/rate", {"rating": 5})
    assert answer.status_code == 404


def test_thumbs_are_created_then_updated(api: Api, session_id: str) -> None:
    for was_helpful, status, said in ((True, 201, "created"), (False, 200, "updated")):
        answer = api(
            "POST",
            "/steps/check-cable/feedback",
            {"session_id": session_id, "was_helpful": was_helpful},
            user_id=ENGINEER,
        )
        assert answer.status_code == status
        assert answer.json() == {
            "step_id": "check-cable",
            "was_helpful": was_helpful,
            "status": said,
        }


def test_thumbs_are_withdrawn(api: Api, session_id: str) -> None:
    vote = {"session_id": session_id, "was_helpful": True}
    assert api("POST", "/steps/s/feedback", vote, user_id=ENGINEER).status_code == 201
    for _ in range(2):
        answer = api("DELETE", f"/steps/s/feedback?session_id={session_id}", user_id=ENGINEER)
        assert answer.status_code == 204
    assert api("POST", "/steps/s/feedback", vote, user_id=ENGINEER).status_code == 201
