"""What the read endpoints answer beside the figures: who may ask, for which days, and names."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from conftest import Api

from ingest.refresh import refresh

ZONE = "Pacific/Kiritimati"
ENGINEER, COLLEAGUE, NAMELESS = uuid4(), uuid4(), uuid4()
FLOW, UNKNOWN_FLOW = uuid4(), uuid4()
NOW = datetime.now(UTC)


def stamp(minutes_ago: float) -> str:
    return (NOW - timedelta(minutes=minutes_ago)).isoformat()


class Events(list[dict[str, Any]]):
    def add(self, kind: str, minutes_ago: float, **data: object) -> None:
        data = {key: str(v) if isinstance(v, UUID) else v for key, v in data.items()}
        self.append(
            {"id": str(uuid4()), "type": kind, "occurred_at": stamp(minutes_ago), "data": data}
        )


def story(account_id: UUID) -> Events:
    events = Events()
    events.add("account.upserted", 99, account_id=account_id, name="Ours", time_zone=ZONE)
    for user, name in ((ENGINEER, "Dana"), (COLLEAGUE, "Bo")):
        events.add("user.upserted", 99, user_id=user, name=name, role="engineer")
    steps = [{"step_id": s, "title": s.title(), "position": i} for i, s in enumerate("ab")]
    events.add("flow.upserted", 99, flow_id=FLOW, name="Router", steps=steps)
    events.add("flow.upserted", 9, flow_id=FLOW, name="Router", steps=steps[:1])
    for user in (ENGINEER, ENGINEER, COLLEAGUE, NAMELESS):
        session = uuid4()
        flow = UNKNOWN_FLOW if user == NAMELESS else FLOW
        events.add("session.started", 3, session_id=session, flow_id=flow, user_id=user)
        if user == COLLEAGUE:
            continue
        events.add("session.completed", 2, session_id=session, outcome="resolved")
        events.add("session.rated", 1, session_id=session, rating=4, comment=f"By {user}")
        events.add("step.feedback", 1, session_id=session, step_id="b", was_helpful=True)
    return events


@pytest.fixture(scope="module")
def team(shared_live_api: Api) -> Api:
    api = shared_live_api.of(uuid4())
    assert api.post_events(story(api.account_id)).status_code == 200
    refresh(api.settings, str(api.settings.database_url))
    return api


def test_marts_that_nobody_built_are_503(api: Api) -> None:
    unbuilt = api("GET", "/analytics/me")
    assert (unbuilt.status_code, unbuilt.json()["code"]) == (503, "marts_not_built")
    assert "retry-after" in unbuilt.headers


# --- who may ask ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "status"),
    [("engineer", 403), ("service", 403), ("team_admin", 200), ("super_admin", 200)],
)
def test_the_team_is_for_its_admins(team: Api, role: str, status: int) -> None:
    assert team("GET", "/analytics/team", role=role).status_code == status


@pytest.mark.parametrize("role", ["engineer", "service", "team_admin", "super_admin"])
def test_everyone_sees_their_own_and_every_flow(team: Api, role: str) -> None:
    assert team("GET", "/analytics/me", role=role).status_code == 200
    assert team("GET", f"/analytics/flows/{FLOW}", role=role).status_code == 200


def test_another_account_sees_none_of_it(team: Api) -> None:
    other = team.of(uuid4())
    assert other("GET", f"/analytics/flows/{FLOW}").status_code == 404
    body = other("GET", "/analytics/team", role="team_admin").json()
    assert body["summary"]["total_sessions"] == 0
    assert body["meta"]["time_zone"] == "UTC"
    assert body["meta"]["warnings"]


def test_a_super_admin_may_name_the_account(team: Api) -> None:
    address = f"/analytics/team?account_id={team.account_id}"
    other = team.of(uuid4())
    body = other("GET", address, role="super_admin").json()
    assert body["summary"]["total_sessions"] == 4
    assert other("GET", address, role="team_admin").status_code == 403


# --- for which days -------------------------------------------------------------------------------


@pytest.mark.parametrize(("period", "days"), [("7d", 7), ("30d", 30), ("90d", 90), (None, 30)])
def test_a_period_is_that_many_days_ending_today(team: Api, period: str | None, days: int) -> None:
    params = {"period": period} if period else {}
    body = team("GET", "/analytics/me", params=params).json()
    today = datetime.now(ZoneInfo(ZONE)).date()
    series = [day["date"] for day in body["time_series"]]
    assert series == [(today - timedelta(days=back)).isoformat() for back in reversed(range(days))]
    assert body["meta"]["partial_day"] == today.isoformat()
    assert body["meta"]["window"] == {
        "from": series[0],
        "to": series[-1],
        "period": period or "30d",
    }


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("period=8d", "/period"),
        ("period=", "/period"),
        ("from=2026-01-01", "/to"),
        ("to=2026-01-01", "/from"),
        ("from=2026-01-02&to=2026-01-01", "/to"),
        ("from=2020-01-01&to=2023-01-05", "/to"),
        ("from=2026-02-30&to=2026-03-01", "/from"),
        ("period=7d&from=2026-01-01&to=2026-01-02", "/period"),
        ("engineer_id=nobody", "/engineer_id"),
    ],
)
def test_a_window_that_means_nothing_is_422(team: Api, query: str, pointer: str) -> None:
    answer = team("GET", f"/analytics/team?{query}", role="team_admin")
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "query", ["from=2020-01-01&to=2023-01-04", "from=9999-12-01&to=9999-12-31"]
)
def test_the_longest_and_the_last_window_answer(team: Api, query: str) -> None:
    answer = team("GET", f"/analytics/team?{query}", role="team_admin")
    assert answer.status_code == 200, answer.text
    assert answer.json()["summary"]["completion_rate"] == 0
    assert answer.json()["summary"]["avg_duration_minutes"] == 0


# --- whose, and what they are called --------------------------------------------------------------


def test_an_engineer_filters_all_four_parts(team: Api) -> None:
    body = team("GET", f"/analytics/team?engineer_id={ENGINEER}", role="team_admin").json()
    assert body["summary"]["total_sessions"] == 2
    assert sum(day["sessions"] for day in body["time_series"]) == 2
    assert [(flow["name"], flow["sessions"]) for flow in body["top_flows"]] == [("Router", 2)]
    assert [row["name"] for row in body["top_engineers"]] == ["Dana"]
    nobody = team("GET", f"/analytics/team?engineer_id={uuid4()}", role="team_admin").json()
    assert nobody["summary"]["total_sessions"] == 0
    assert (nobody["top_flows"], nobody["top_engineers"]) == ([], [])


def test_my_figures_are_those_the_team_sees_of_me(team: Api) -> None:
    mine = team("GET", "/analytics/me", user_id=ENGINEER).json()
    seen = team("GET", f"/analytics/team?engineer_id={ENGINEER}", role="team_admin").json()
    for part in ("summary", "time_series", "top_flows"):
        assert mine[part] == seen[part]


def test_what_has_no_name_is_unknown(team: Api) -> None:
    body = team("GET", "/analytics/team", role="team_admin").json()
    assert "Unknown" in [row["name"] for row in body["top_engineers"]]
    assert "Unknown" in [row["name"] for row in body["top_flows"]]
    unknown = team("GET", f"/analytics/flows/{UNKNOWN_FLOW}", role="team_admin").json()
    assert [(step["node_id"], step["node_title"]) for step in unknown["step_feedback"]] == [
        ("b", "Unknown")
    ]
    assert unknown["recent_comments"][0]["user_name"] == "Unknown"


def test_a_flow_shows_its_steps_ratings_and_comments(team: Api) -> None:
    body = team("GET", f"/analytics/flows/{FLOW}?period=7d", role="team_admin").json()
    assert body["summary"]["total_sessions"] == 3
    assert (body["avg_csat"], body["total_ratings"]) == (4.0, 2)
    # A step that the flow dropped keeps its title, and its votes.
    assert body["step_feedback"] == [
        {"node_id": "a", "node_title": "A", "helpful_yes": 0, "helpful_no": 0, "helpful_rate": 0},
        {"node_id": "b", "node_title": "B", "helpful_yes": 2, "helpful_no": 0, "helpful_rate": 1},
    ]
    comment = body["recent_comments"][0]
    assert (comment["rating"], comment["comment"]) == (4, f"By {ENGINEER}")
    assert comment["user_name"] == "Dana"


def test_the_window_before_ends_at_this_minute_of_its_day(shared_live_api: Api) -> None:
    """Of the last day of the week before only what began before this minute counts."""
    api = shared_live_api.of(uuid4())
    week = 7 * 24 * 60
    events = Events()
    # Far from any midnight, and where the clocks never change.
    zone = next(
        f"Etc/GMT{offset:+d}"
        for offset in range(-12, 13)
        if 6 <= (NOW - timedelta(hours=offset)).hour < 18
    )
    events.add("account.upserted", 99, account_id=api.account_id, name="Ours", time_zone=zone)
    for minutes_ago, rating in ((3, 5), (week + 2, 4), (week + 20, 3), (week - 30, 1)):
        session = uuid4()
        events.add(
            "session.started", minutes_ago, session_id=session, flow_id=FLOW, user_id=ENGINEER
        )
        events.add("session.completed", minutes_ago, session_id=session, outcome="resolved")
        events.add("session.rated", minutes_ago, session_id=session, rating=rating)
    assert api.post_events(events).status_code == 200
    for is_refreshed in (False, True):
        if is_refreshed:
            refresh(api.settings, str(api.settings.database_url))
        for path, role in (
            ("/analytics/team", "team_admin"),
            ("/analytics/me", "engineer"),
            (f"/analytics/flows/{FLOW}", "engineer"),
        ):
            answer = api(
                "GET",
                path,
                role=role,
                user_id=ENGINEER,
                params={"period": "7d", "previous": "true"},
            ).json()
            assert answer["summary"]["total_sessions"] == 1
            # What began later that day, a week ago, is in neither.
            previous = answer["previous"]
            assert previous["summary"]["total_sessions"] == 2
            assert previous["summary"]["avg_csat"] == 3.5
            assert previous["until"] is not None
            assert previous["change"]["total_sessions"] == -1
            assert previous["change"]["avg_csat"] == 1.5


def test_an_account_that_nobody_knows_has_no_window_before(shared_live_api: Api) -> None:
    stranger = shared_live_api.of(uuid4())
    for path in ("team", "me"):
        answer = stranger("GET", f"/analytics/{path}?previous=true", role="team_admin")
        assert (200, None) == (answer.status_code, answer.json()["previous"])
    assert stranger("GET", f"/analytics/flows/{uuid4()}?previous=true").status_code == 404


def test_the_first_window_of_the_calendar_has_none_before_it(team: Api) -> None:
    answer = team(
        "GET", "/analytics/me", params={"from": "0001-01-01", "to": "0001-01-02", "previous": True}
    )
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/previous"]


def test_as_many_flows_and_engineers_are_named_as_are_asked_for(team: Api) -> None:
    def named(**query: int) -> tuple[int, int]:
        body = team("GET", "/analytics/team", params=query, role="team_admin").json()
        return len(body["top_flows"]), len(body["top_engineers"])

    assert (2, 3) == named() == named(top=1_000)
    assert (1, 1) == named(top=1)
    assert 1 == len(team("GET", "/analytics/me?top=1", user_id=ENGINEER).json()["top_flows"])
    for top in (0, 1_001):
        answer = team("GET", f"/analytics/team?top={top}", role="team_admin")
        assert (422, "/top") == (answer.status_code, answer.json()["errors"][0]["pointer"])


def test_a_flow_says_which_it_is(team: Api) -> None:
    for flow_id, name in ((FLOW, "Router"), (UNKNOWN_FLOW, "Unknown")):
        body = team("GET", f"/analytics/flows/{flow_id}").json()
        assert (str(flow_id), name) == (body["tree_id"], body["name"])


def test_an_unknown_flow_is_404(team: Api) -> None:
    answer = team("GET", f"/analytics/flows/{uuid4()}")
    assert (answer.status_code, answer.json()["code"]) == (404, "flow_not_found")


def test_meta_says_how_far_the_figures_reach(team: Api) -> None:
    meta = team("GET", "/analytics/me").json()["meta"]
    through = datetime.fromisoformat(meta["data_through"])
    assert NOW <= through <= datetime.fromisoformat(meta["as_of"]) <= datetime.now(UTC)
