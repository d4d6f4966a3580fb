"""Whoever asks for the same figure in two ways hears the same, down to the sessions behind it."""

import os
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
import raw_oracle
from conftest import Api
from event_oracle import EventOracle
from events import Event, event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from incident_oracle import Window
from lives import DAYS, FIRST, FLOWS, USERS, ZONE, a_life
from mart_readers import rows_of
from pages import all_sessions, count_sessions

from ingest.refresh import refresh

EXAMPLES = int(os.environ.get("UPSHOT_EXAMPLES", "8"))
OUTCOMES = ("resolved", "escalated", "workaround", "unresolved")
SUMS = ("sessions", "completed", *OUTCOMES)


class Asked(NamedTuple):
    """An account with random sessions, and the days that are asked for."""

    seed: int
    sessions: int
    first: int
    days: int
    is_refreshed: bool


asked = st.builds(
    Asked,
    seed=st.integers(0, 2**32),
    sessions=st.integers(0, 60),
    first=st.integers(-3, DAYS),
    days=st.integers(1, DAYS),
    is_refreshed=st.booleans(),
)


def tell(api: Api, example: Asked) -> tuple[Api, list[Event]]:
    """Post the sessions of a new account."""
    team = api.of(uuid4())
    chance = random.Random(example.seed)
    events = [event("account.upserted", account_id=team.account_id, name="O", time_zone=ZONE.key)]
    for _ in range(example.sessions):
        events += a_life(chance)
    chance.shuffle(events)
    assert team.post_events(events).status_code == 200
    if example.is_refreshed:
        refresh(team.settings, str(team.settings.database_url))
    return team, events


def reckoned(events: Sequence[Event]) -> EventOracle:
    ids = {"account_id", "session_id", "flow_id", "user_id"}
    return EventOracle(
        raw_oracle.rows_of(
            [
                raw_oracle.Happened(
                    each["type"],
                    datetime.fromisoformat(each["occurred_at"]),
                    {
                        name: UUID(value) if name in ids and value else value
                        for name, value in each["data"].items()
                    },
                    UUID(each["id"]),
                )
                for each in events
            ]
        )
    )


def analytics(api: Api, path: str, window: dict[str, str], **more: Any) -> dict[str, Any]:
    who = {"role": "team_admin"} | {name: more.pop(name) for name in ("user_id",) if name in more}
    answer = api("GET", f"/analytics/{path}", params=window | more, **who)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def in_sums(summary: dict[str, Any]) -> dict[str, int]:
    return {
        "sessions": summary["total_sessions"],
        "completed": summary["completed_sessions"],
        **summary["outcome_breakdown"],
    }


def summed(rows: Sequence[dict[str, Any]], names: Sequence[str] = SUMS) -> dict[str, int]:
    return {name: sum(row[name] for row in rows) for name in names}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="UPSHOT_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(asked)
def test_every_way_to_a_figure_gives_the_same(shared_live_api: Api, example: Asked) -> None:
    team, events = tell(shared_live_api, example)
    first = FIRST + timedelta(days=example.first)
    last = first + timedelta(days=example.days - 1)
    window = {"from": first.isoformat(), "to": last.isoformat()}
    whole = analytics(team, "team", window)
    agree_on_the_account(team, window, whole)
    agree_on_ratings(team, window, whole)
    agree_on_engineers(team, window, whole)
    agree_on_flows(team, window, whole)
    agree_on_votes(team, window, reckoned(events), Window(first, last))


def agree_on_the_account(team: Api, window: dict[str, str], whole: dict[str, Any]) -> None:
    sums = in_sums(whole["summary"])
    assert sums == summed(whole["time_series"])
    [summary] = rows_of(team, "account_summaries", part="current", **window) or [
        dict.fromkeys(SUMS, 0)
    ]
    assert sums == summed([summary])
    for name in ("flow_leaderboard", "engineer_leaderboard"):
        assert sums == summed(rows_of(team, name, **window))
    days = {"day_from": window["from"], "day_to": window["to"]}
    for name in ("account_days", "account_hours", "daily_outcomes"):
        assert sums == summed(rows_of(team, name, limit=10_000, **days))
    for dimension in ("flow", "engineer", "outcome", "weekday", "hour"):
        assert sums == summed(rows_of(team, "breakdowns", dimension=dimension, **window))
    sessions = all_sessions(team, window, limit=25)
    assert len({each["session_id"] for each in sessions}) == len(sessions)
    assert sums["sessions"] == len(sessions) == count_sessions(team, window)
    assert sums["completed"] == count_sessions(team, window | {"completed": "true"})
    outcomes = Counter(each["outcome"] for each in sessions)
    assert {name: sums[name] for name in OUTCOMES} == {name: outcomes[name] for name in OUTCOMES}
    for outcome in OUTCOMES:
        assert sums[outcome] == count_sessions(team, window | {"outcome": outcome})


def agree_on_ratings(team: Api, window: dict[str, str], whole: dict[str, Any]) -> None:
    summary = whole["summary"]
    ratings = summary["total_ratings"]
    assert ratings == sum(summary["csat_distribution"].values())
    assert ratings == sum(day["ratings"] for day in whole["time_series"])
    for name in ("flow_leaderboard", "engineer_leaderboard"):
        assert ratings == sum(row["ratings"] for row in rows_of(team, name, **window))
    for stars in range(1, 6):
        rated = count_sessions(team, window | {"dated_by": "rating", "rating": str(stars)})
        assert summary["csat_distribution"][f"rating_{stars}"] == rated
    points = sum(
        int(name.removeprefix("rating_")) * number
        for name, number in summary["csat_distribution"].items()
    )
    if ratings:
        assert summary["avg_csat"] == pytest.approx(points / ratings, abs=0.0501)
    if summary["completed_sessions"]:
        rated = count_sessions(team, window | {"completed": "true", "rated": "true"})
        wanted = rated / summary["completed_sessions"]
        assert summary["response_rate"] == pytest.approx(wanted, abs=0.000501)


def agree_on_engineers(team: Api, window: dict[str, str], whole: dict[str, Any]) -> None:
    rows = {UUID(row["user_id"]): row for row in rows_of(team, "engineer_leaderboard", **window)}
    assert whole["summary"]["active_engineers"] == sum(row["sessions"] > 0 for row in rows.values())
    for user_id in USERS:
        filtered = analytics(team, "team", window, engineer_id=str(user_id))
        own = analytics(team, "me", window, user_id=user_id)
        assert filtered["summary"] == own["summary"]
        row = rows.get(user_id)
        assert in_sums(own["summary"]) == (summed([row]) if row else dict.fromkeys(SUMS, 0))
        if row and row["sessions"]:
            assert own["summary"]["completion_rate"] == row["completion_rate"]
            assert (
                row["completion_rate_low"] <= row["completion_rate"] <= row["completion_rate_high"]
            )
            interval = {"low": row["completion_rate_low"], "high": row["completion_rate_high"]}
            assert own["summary"]["completion_rate_interval"] == interval
            assert row["insufficient_sample"] == (row["sessions"] < 5)
        listed = {"user_id": user_id, "role": "engineer"}
        assert own["summary"]["total_sessions"] == count_sessions(team, window, **listed)


def agree_on_flows(team: Api, window: dict[str, str], whole: dict[str, Any]) -> None:
    known = {
        each["flow_id"] for each in all_sessions(team, {"from": "2026-02-01", "to": "2026-04-01"})
    }
    flows = [analytics(team, f"flows/{each}", window) for each in map(str, FLOWS) if each in known]
    parts = [in_sums(flow["summary"]) for flow in flows]
    assert in_sums(whole["summary"]) == summed(parts)
    for flow in flows:
        steps = {step["step_id"]: step for step in flow["steps"]}
        ended = sum(step["completions"] + step["drop_offs"] for step in steps.values())
        assert sum(step["entries"] for step in steps.values()) == ended
        assert ended <= flow["summary"]["total_sessions"]
        for step in steps.values():
            assert step["drop_off"] is None or 0 <= step["drop_off"] <= 1
        for edge in flow["edges"]:
            assert 0 < edge["passes"] <= steps[edge["step_id"]]["visits"]
            assert 0 <= edge["share"] <= 1


def agree_on_votes(team: Api, window: dict[str, str], oracle: EventOracle, days: Window) -> None:
    """A session with several votes that say the same is listed once."""
    for flow_id in {session.flow_id for session in oracle.sessions}:
        steps = analytics(team, f"flows/{flow_id}", window)["steps"]
        figures = {step["step_id"]: step for step in steps}
        for step_id in "abc":
            votes = [
                vote
                for vote in oracle.votes
                if (vote.flow_id, vote.step_id) == (flow_id, step_id) and vote.cast_on in days
            ]
            asked = window | {"flow_id": str(flow_id), "step_id": step_id, "dated_by": "vote"}
            assert listed(team, asked) == {str(vote.session_id) for vote in votes}
            for name, was_helpful in (("helpful_yes", True), ("helpful_no", False)):
                said_so = [vote.session_id for vote in votes if vote.was_helpful is was_helpful]
                assert figures.get(step_id, {name: 0})[name] == len(said_so)
                those = asked | {"was_helpful": str(was_helpful).lower()}
                assert listed(team, those) == {*map(str, said_so)}
                assert count_sessions(team, those) == len({*said_so})


def listed(team: Api, asked: dict[str, str]) -> set[str]:
    ids = [session["session_id"] for session in all_sessions(team, asked)]
    assert len(ids) == len({*ids})
    return {*ids}
