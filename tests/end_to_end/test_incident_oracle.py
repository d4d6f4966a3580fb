"""The oracle reads the same sessions from the CSV as the events tell, and adds them up right."""

import json
import os
from collections import Counter, defaultdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from incident_oracle import STEPS, Oracle, Session, Window, read_log, slug
from real_input import data_folder

ALL_DAYS = Window(date(2016, 2, 29), date(2016, 3, 2))


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return data_folder(os.environ)
    except FileNotFoundError as error:
        absent = str(error)
    pytest.fail(absent, pytrace=False)


@pytest.fixture(scope="module")
def oracle(folder: Path) -> Oracle:
    return read_log(folder / "incident_event_log.csv")


@pytest.fixture(scope="module")
def events(folder: Path) -> dict[str, list[dict[str, Any]]]:
    by_type = defaultdict(list)
    for line in (folder / "incidents.ndjson").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        by_type[event["type"]].append(event["data"] | {"occurred_at": event["occurred_at"]})
    return by_type


def test_the_log_has_as_much_as_its_readme_says(oracle: Oracle) -> None:
    sessions = oracle.sessions

    assert len(sessions) == 890
    assert sum(session.completed_at is not None for session in sessions) == 861
    assert sum(session.helpful is not None for session in sessions) == 861
    assert sum(len(session.visits) for session in sessions) == 3417
    assert len(oracle.flows) == 32
    assert len(oracle.engineers) == 156


def test_flows_and_engineers_are_those_of_the_events(
    oracle: Oracle, events: dict[str, list[dict[str, Any]]]
) -> None:
    flows = events["flow.upserted"]

    assert {flow["name"] for flow in flows} == oracle.flows
    assert {user["name"] for user in events["user.upserted"]} == oracle.engineers
    assert len(flows) == len(oracle.flows)
    assert len(events["user.upserted"]) == len(oracle.engineers)
    for flow in flows:
        assert [(step["step_id"], step["title"]) for step in flow["steps"]] == [
            (slug(title), title) for title in STEPS
        ]


def test_sessions_are_those_of_the_events(
    oracle: Oracle, events: dict[str, list[dict[str, Any]]]
) -> None:
    """Incident numbers and session ids have nothing in common: everything else must be equal."""
    assert Counter(map(content, oracle.sessions)) == Counter(map(content, told_by(events)))


def content(session: Session) -> tuple[object, ...]:
    return (
        session.flow,
        session.engineer,
        session.started_at,
        session.completed_at,
        session.outcome,
        tuple(sorted(session.visits)),
        session.helpful,
    )


def told_by(events: dict[str, list[dict[str, Any]]]) -> list[Session]:
    """Put the sessions together from the events."""
    flows = {flow["flow_id"]: flow["name"] for flow in events["flow.upserted"]}
    users = {user["user_id"]: user["name"] for user in events["user.upserted"]}
    completions = {data["session_id"]: data for data in events["session.completed"]}
    votes = {data["session_id"]: data for data in events["step.feedback"]}
    visits = defaultdict(list)
    for data in events["step.visited"]:
        visits[data["session_id"]].append(
            (datetime.fromisoformat(data["visited_at"]), data["step_id"])
        )
    return [
        Session(
            number=start["session_id"],
            flow=flows[start["flow_id"]],
            engineer=users[start["user_id"]],
            started_at=datetime.fromisoformat(start["started_at"]),
            completed_at=datetime.fromisoformat(completed["completed_at"]) if completed else None,
            outcome=completed.get("outcome"),
            visits=tuple(visits[start["session_id"]]),
            helpful=vote.get("was_helpful"),
        )
        for start in events["session.started"]
        for completed in [completions.get(start["session_id"], {})]
        for vote in [votes.get(start["session_id"], {})]
    ]


def test_votes_are_cast_on_the_step_resolved_by_the_engineer_as_the_session_completes(
    events: dict[str, list[dict[str, Any]]],
) -> None:
    """What the oracle takes for granted about votes."""
    owners = {data["session_id"]: data["user_id"] for data in events["session.started"]}
    ends = {data["session_id"]: data["completed_at"] for data in events["session.completed"]}

    for vote in events["step.feedback"]:
        assert vote["step_id"] == "resolved"
        assert vote["user_id"] == owners[vote["session_id"]]
        assert vote["occurred_at"] == ends[vote["session_id"]]


def test_parts_add_up_to_the_whole(oracle: Oracle) -> None:
    team = oracle.team(ALL_DAYS)

    assert team["summary"]["total_sessions"] == 890
    assert sum(team["summary"]["outcome_breakdown"].values()) == 861
    assert sum(day["sessions"] for day in team["time_series"]) == 890
    assert [day["date"] for day in team["time_series"]] == [
        "2016-02-29",
        "2016-03-01",
        "2016-03-02",
    ]
    for part in (
        [oracle.me(engineer, ALL_DAYS) for engineer in oracle.engineers],
        [oracle.flow(category, ALL_DAYS) for category in oracle.flows],
    ):
        assert sum(figures["summary"]["total_sessions"] for figures in part) == 890
    assert len(team["top_flows"]) == len(team["top_engineers"]) == 10


def test_votes_count_on_the_day_they_were_cast(oracle: Oracle) -> None:
    """Sessions that started in three days were voted on for most of a year."""

    def votes(window: Window) -> int:
        return sum(
            step["helpful_yes"] + step["helpful_no"]
            for category in oracle.flows
            for step in oracle.flow(category, window)["step_feedback"]
        )

    assert 0 < votes(ALL_DAYS) < 861
    assert votes(Window(date(2016, 2, 29), date(2017, 2, 28))) == 861


def test_an_empty_window_has_zeros(oracle: Oracle) -> None:
    window = Window(date(2015, 1, 1), date(2015, 1, 2))
    zeros = dict.fromkeys(("resolved", "escalated", "workaround", "unresolved"), 0)
    summary = {
        "total_sessions": 0,
        "completed_sessions": 0,
        "completion_rate": 0,
        "completion_rate_interval": None,
        "avg_duration_minutes": 0,
        "p50_duration_minutes": None,
        "p90_duration_minutes": None,
        "outcome_breakdown": zeros,
        "response_rate": None,
        "response_rate_interval": None,
        "total_ratings": 0,
        "avg_csat": None,
        "csat_percent": None,
        "csat_percent_interval": None,
        "csat_distribution": {f"rating_{stars}": 0 for stars in range(1, 6)},
        "active_engineers": 0,
    }
    none = {"completed": 0, "ratings": 0, "avg_csat": None}
    days = [{"date": f"2015-01-0{day}", "sessions": 0, **zeros, **none} for day in (1, 2)]
    team = oracle.team(window)
    flow = oracle.flow("Category 26", window)

    assert team == {"summary": summary, "time_series": days, "top_flows": [], "top_engineers": []}
    assert (flow["summary"], flow["time_series"]) == (summary | {"active_engineers": None}, days)
    assert [step["node_title"] for step in flow["step_feedback"]] == list(STEPS)
    assert {step["helpful_rate"] for step in flow["step_feedback"]} == {0}


def test_absent_data_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"UCI Machine Learning Repository.*UPSHOT_REAL_DATA"
    ):
        data_folder({"UPSHOT_REAL_DATA": str(tmp_path)})
