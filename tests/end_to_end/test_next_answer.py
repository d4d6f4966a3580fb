"""Whatever changes is in the very next answer, and `meta` says what that took."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from conftest import Api

from ingest.refresh import refresh

# Always another day than the other one has.
HERE, THERE = "Pacific/Kiritimati", "Pacific/Pago_Pago"
ADMIN: dict[str, Any] = {"role": "team_admin"}
SERVICE: dict[str, Any] = {"role": "service"}


class Team:
    """An account with one completed session, all of it stored."""

    def __init__(self, api: Api) -> None:
        self.api = api.of(uuid4())
        self.user_id, self.flow_id, self.session_id = uuid4(), uuid4(), uuid4()
        self.name("accounts", self.api.account_id, name="Ours", time_zone=HERE)
        self.name("users", self.user_id, name="Dana", role="engineer")
        self.name("flows", self.flow_id, name="Router", steps=[])
        started = {"session_id": str(self.session_id), "flow_id": str(self.flow_id)}
        self.write("POST", "/sessions", started)
        self.write("POST", f"/sessions/{self.session_id}/complete", {"outcome": "resolved"})
        refresh(api.settings, str(api.settings.database_url))
        # The second answer is one that was kept.
        assert self.answer()["meta"]["pending"] == self.answer()["meta"]["pending"] == 0

    def name(self, kind: str, subject: UUID, **body: Any) -> None:
        answer = self.api("PUT", f"/{kind}/{subject}", body, **SERVICE)
        assert answer.status_code in {200, 201}, answer.text

    def write(self, method: str, path: str, body: object = None, **who: Any) -> None:
        answer = self.api(method, path, body, **({"user_id": self.user_id} | who))
        assert answer.is_success, answer.text

    def answer(self, path: str = "/analytics/team?period=7d") -> Any:
        answer = self.api("GET", path, **ADMIN)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def team(shared_live_api: Api) -> Team:
    return Team(shared_live_api)


def test_a_name(team: Team) -> None:
    team.name("users", team.user_id, name="Dana B.", role="engineer")
    team.name("flows", team.flow_id, name="Router 2", steps=[])
    body = team.answer()
    assert [row["name"] for row in body["top_engineers"]] == ["Dana B."]
    assert [row["name"] for row in body["top_flows"]] == ["Router 2"]
    assert body["meta"]["pending"] == 0


def test_a_rating_and_its_moment(team: Team) -> None:
    before = datetime.now(UTC)
    team.write("POST", f"/sessions/{team.session_id}/rate", {"rating": 4})
    body = team.answer(f"/analytics/flows/{team.flow_id}")
    assert (body["total_ratings"], body["avg_csat"]) == (1, 4.0)
    assert team.answer()["top_flows"][0]["avg_csat"] == 4.0
    meta = body["meta"]
    assert meta["pending"] == 1
    through, as_of = (datetime.fromisoformat(meta[name]) for name in ("data_through", "as_of"))
    assert before - timedelta(seconds=1) < through <= as_of


def test_a_zone(team: Team) -> None:
    """All of the account's sessions are on other days."""
    team.name("accounts", team.api.account_id, name="Ours", time_zone=THERE)
    body = team.answer()
    today = datetime.now(ZoneInfo(THERE)).date().isoformat()
    assert [day["date"] for day in body["time_series"] if day["sessions"]] == [today]
    assert (body["meta"]["time_zone"], body["meta"]["partial_day"]) == (THERE, today)
    assert body["meta"]["pending"] == 1
    assert "computed from the raw events" in body["meta"]["warnings"][0]


@pytest.mark.parametrize("what", ["sessions", "users"])
def test_an_erasure(team: Team, what: str) -> None:
    subject = team.session_id if what == "sessions" else team.user_id
    team.write("DELETE", f"/{what}/{subject}", **SERVICE)
    body = team.answer()
    assert body["summary"]["total_sessions"] == 0
    assert (body["top_flows"], body["top_engineers"]) == ([], [])


def test_a_vote_that_was_withdrawn(team: Team) -> None:
    vote = {"session_id": str(team.session_id), "was_helpful": True}
    team.name(
        "flows", team.flow_id, name="R", steps=[{"step_id": "a", "title": "A", "position": 0}]
    )

    def votes() -> int:
        answer: int = team.answer(f"/analytics/flows/{team.flow_id}")["step_feedback"][0][
            "helpful_yes"
        ]
        return answer

    team.write("POST", "/steps/a/feedback", vote)
    assert votes() == 1
    team.write("DELETE", f"/steps/a/feedback?session_id={team.session_id}")
    assert votes() == 0
