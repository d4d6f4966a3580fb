"""The sessions behind the figures: as many as the figures count, page by page."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from conftest import Api
from events import Event, event
from lives import FLOWS, USERS, WINDOW, ZONE, a_life, at
from pages import all_sessions, count_sessions


@pytest.fixture(scope="module")
def team(shared_live_api: Api) -> Api:
    api = shared_live_api.of(uuid4())
    chance = random.Random(5)
    events = [event("account.upserted", account_id=api.account_id, name="O", time_zone=ZONE.key)]
    events += [event("user.upserted", user_id=USERS[0], name="Dana", role="engineer")]
    events += [event("flow.upserted", flow_id=FLOWS[0], name="Router", steps=[])]
    for _ in range(400):
        events += a_life(chance)
    chance.shuffle(events)
    for first in range(0, len(events), 500):
        assert api.post_events(events[first : first + 500]).status_code == 200
    return api


def figures(api: Api, **params: Any) -> dict[str, Any]:
    answer = api("GET", "/analytics/team", params=WINDOW | params, role="team_admin")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


# --- as many as the figures count ----------------------------------------------------------------


@pytest.mark.parametrize("engineer", [None, *USERS], ids=["everybody", *"0123"])
def test_there_are_as_many_as_the_figures_count(team: Api, engineer: UUID | None) -> None:
    of = {} if engineer is None else {"engineer_id": str(engineer)}
    body = figures(team, **of)
    summary, breakdown = body["summary"], body["summary"]["outcome_breakdown"]

    def count(**params: Any) -> int:
        """Count them twice: as the list says, and one by one."""
        asked = WINDOW | of | params
        total = count_sessions(team, asked)
        assert len(all_sessions(team, asked)) == total
        return total

    assert summary["total_sessions"] > 30
    assert count() == summary["total_sessions"]
    assert count(completed="true") == summary["completed_sessions"]
    assert count(completed="false") == summary["total_sessions"] - summary["completed_sessions"]
    assert {each: count(outcome=each) for each in breakdown} == breakdown
    assert count(outcome="none") == summary["completed_sessions"] - sum(breakdown.values())
    for flow in body["top_flows"]:
        assert count(flow_id=flow["tree_id"]) == flow["sessions"]
    for day in body["time_series"]:
        on_the_day = {"from": day["date"], "to": day["date"]}
        assert count(**on_the_day) == day["sessions"]
        assert count(**on_the_day, outcome="resolved") == day["resolved"]
    assert sum(count(weekday=day) for day in range(1, 8)) == summary["total_sessions"]
    assert sum(count(hour=hour) for hour in range(24)) == summary["total_sessions"]
    assert count(rated="true") == sum(count(rating=stars) for stars in range(1, 6))
    assert count(rated="true") + count(rated="false") == summary["total_sessions"]
    rated = {f"rating_{stars}": count(dated_by="rating", rating=stars) for stars in range(1, 6)}
    assert rated == summary["csat_distribution"]
    for day in body["time_series"]:
        on_the_day = {"from": day["date"], "to": day["date"], "dated_by": "rating"}
        assert count(**on_the_day) == day["ratings"]


def test_there_are_as_many_as_each_bar_of_the_path_says(team: Api) -> None:
    flow = {"flow_id": str(FLOWS[0])}
    said = team("GET", f"/analytics/flows/{FLOWS[0]}", params=WINDOW, role="team_admin").json()
    ends = {"drop_offs": "false", "completions": "true"}
    all_went_on = 0
    for step in said["steps"]:
        at_step = WINDOW | flow | {"step_id": step["step_id"]}
        last = at_step | {"step_was_last": "true"}
        assert len(all_sessions(team, at_step)) == count_sessions(team, at_step) == step["visits"]
        for name, completed in ends.items():
            assert count_sessions(team, last | {"completed": completed}) == step[name] > 0
        went_on = step["visits"] - step["drop_offs"] - step["completions"]
        assert count_sessions(team, at_step | {"step_was_last": "false"}) == went_on
        all_went_on += went_on
    assert all_went_on > 0
    assert {step["step_id"] for step in said["steps"]} == {*"abc"}


def test_a_vote_is_of_its_person_and_its_day(shared_live_api: Api) -> None:
    api = shared_live_api.of(uuid4())
    user_id, other_id, third_id = uuid4(), uuid4(), uuid4()
    # 5:45 hours ahead: in UTC, a day begins there on the evening before.
    evening = datetime(2026, 3, 1, 18, 15, tzinfo=UTC)
    almost = evening - timedelta(microseconds=1)
    day = timedelta(days=1)
    votes: dict[str, list[tuple[datetime, UUID | None, bool | None]]] = {
        "by one": [(almost, None, True)],
        "of the next day": [(evening, user_id, True)],
        "changed, by their own id": [(almost, None, True), (evening + day, user_id, False)],
        "changed, as the session's user": [(almost, user_id, False), (evening, None, True)],
        "withdrawn": [(almost, None, True), (evening, None, None)],
        "withdrawn by their own id": [(almost, None, True), (evening, user_id, None)],
        "withdrawn, and cast before": [(evening, None, None), (almost, user_id, True)],
        "by several": [(almost, None, True), (almost, other_id, True), (almost, third_id, False)],
    }
    names = {uuid4(): name for name in votes}
    events = [event("account.upserted", account_id=api.account_id, name="O", time_zone=ZONE.key)]
    about = {"flow_id": FLOWS[0], "user_id": user_id}
    for session_id, name in names.items():
        events.append(at("session.started", evening - 9 * day, session_id=session_id, **about))
        for moment, voter_id, was_helpful in votes[name]:
            vote = {"session_id": session_id, "step_id": "a", "was_helpful": was_helpful}
            events.append(at("step.feedback", moment, user_id=voter_id, **vote))
        # Of another step.
        events.append(at("step.visited", almost, session_id=session_id, step_id="b"))
    waiting = {"session_id": uuid4(), "step_id": "a", "user_id": user_id, "was_helpful": True}
    events.append(at("step.feedback", almost, **waiting))
    assert api.post_events(events).status_code == 200

    def found(first: str, last: str, **params: str) -> set[str]:
        asked = {"from": first, "to": last, "step_id": "a"} | params
        rows = all_sessions(api, asked)
        assert count_sessions(api, asked) == len(rows)
        shown = [names[UUID(row["session_id"])] for row in rows]
        assert len({*shown}) == len(shown)
        return {*shown}

    def voted(day: int, **params: str) -> set[str]:
        return found(f"2026-03-0{day}", f"2026-03-0{day}", dated_by="vote", **params)

    on_the_first = {"by one", "by several"}
    on_the_second = {"of the next day", "changed, as the session's user"}
    on_the_third = {"changed, by their own id"}
    assert voted(1, was_helpful="true") == on_the_first
    assert voted(1, was_helpful="false") == {"by several"}
    assert voted(2, was_helpful="true") == on_the_second
    assert voted(2, was_helpful="false") == set()
    assert voted(3, was_helpful="true") == set()
    assert voted(3, was_helpful="false") == on_the_third
    assert [voted(day) for day in (1, 2, 3)] == [on_the_first, on_the_second, on_the_third]
    # By the day that they started on, whenever the vote was cast.
    started = {"first": "2026-02-20", "last": "2026-02-21"}
    assert found(**started) == set()
    assert found(**started, was_helpful="true") == on_the_first | on_the_second
    assert found(**started, was_helpful="false") == {"by several"} | on_the_third
    assert found("2026-03-01", "2026-03-03", was_helpful="true") == set()
    # With the other filters: nobody reached the step.
    assert found(**started, was_helpful="true", step_was_last="true") == set()
    assert found(**started, was_helpful="true", step_was_last="false") == set()
    assert voted(1, was_helpful="true", completed="true") == set()
    assert voted(1, was_helpful="true", flow_id=str(FLOWS[1])) == set()
    assert voted(1, was_helpful="true", flow_id=str(FLOWS[0])) == on_the_first


def test_engineers_are_counted_as_on_the_leaderboard(team: Api) -> None:
    board = {row["user_id"]: row["sessions"] for row in figures(team)["top_engineers"]}
    assert board == Counter(row["user_id"] for row in all_sessions(team, WINDOW))


def test_weekdays_and_hours_are_those_of_the_account(team: Api) -> None:
    rows = all_sessions(team, WINDOW)
    local = [datetime.fromisoformat(row["started_at"]).astimezone(ZONE) for row in rows]
    for weekday in range(1, 8):
        expected = sum(each.isoweekday() == weekday for each in local)
        assert count_sessions(team, WINDOW | {"weekday": weekday}) == expected
    for hour in (0, 5, 23):
        expected = sum(each.hour == hour for each in local)
        assert count_sessions(team, WINDOW | {"hour": hour}) == expected


def test_filters_hold_together(team: Api) -> None:
    rows = all_sessions(team, WINDOW)
    chosen = {"flow_id": str(FLOWS[1]), "completed": "true", "rated": "false"}
    expected = [
        row["session_id"]
        for row in rows
        if row["flow_id"] == str(FLOWS[1]) and row["completed_at"] and not row["rating"]
    ]
    assert expected
    assert [row["session_id"] for row in all_sessions(team, WINDOW | chosen)] == expected


def test_whoever_is_unknown_has_none(team: Api) -> None:
    for name in ("engineer_id", "flow_id"):
        assert all_sessions(team, WINDOW | {name: str(uuid4())}) == []
    assert all_sessions(team.of(uuid4()), WINDOW) == []


# --- what a session shows ------------------------------------------------------------------------


def test_a_session_shows_what_is_known_of_it(shared_live_api: Api) -> None:
    api = shared_live_api.of(uuid4())
    user_id, flow_id, open_id, rated_id = uuid4(), uuid4(), uuid4(), uuid4()
    start = datetime(2026, 3, 1, 9, tzinfo=UTC)
    minutes = timedelta(minutes=1)
    names = [
        event("user.upserted", user_id=user_id, name="Dana", role="engineer"),
        event("flow.upserted", flow_id=flow_id, name="Router", steps=[]),
    ]
    both = [
        at(
            "session.started",
            start + n * minutes,
            session_id=each,
            flow_id=flow_id,
            user_id=user_id,
        )
        for n, each in enumerate((open_id, rated_id))
    ]
    rest = [
        at("step.visited", start, session_id=rated_id, step_id="a"),
        at("step.visited", start + minutes, session_id=rated_id, step_id="a"),
        at("step.visited", start, session_id=rated_id, step_id="b"),
        at("session.completed", start + 2.25 * minutes, session_id=rated_id, outcome="resolved"),
        at("session.rated", start + 3 * minutes, session_id=rated_id, rating=4, comment="Fine."),
        # What waits: a rating for the end of its session, an end for its start.
        at("session.rated", start, session_id=open_id, rating=1, comment="Too early."),
        at("session.completed", start, session_id=uuid4(), outcome="resolved"),
    ]
    assert api.post_events(names + both + rest).status_code == 200
    window = {"from": "2026-03-01", "to": "2026-03-01"}
    [rated, still_open] = all_sessions(api, window)
    assert rated == {
        "session_id": str(rated_id),
        "flow_id": str(flow_id),
        "flow_name": "Router",
        "user_id": str(user_id),
        "user_name": "Dana",
        "started_at": "2026-03-01T09:01:00Z",
        "completed_at": "2026-03-01T09:02:15Z",
        "outcome": "resolved",
        # 1.25 minutes, half up.
        "duration_minutes": 1.3,
        "steps_reached": 2,
        "rating": 4,
        "comment": "Fine.",
        "rated_at": "2026-03-01T09:03:00Z",
    }
    assert still_open["session_id"] == str(open_id)
    for name in ("completed_at", "outcome", "duration_minutes", "rating", "comment", "rated_at"):
        assert still_open[name] is None, name
    assert still_open["steps_reached"] == 0
    assert count_sessions(api, window | {"rated": "true"}) == 1


def test_what_has_no_name_is_unknown(team: Api) -> None:
    names = {(row["user_id"], row["user_name"]) for row in all_sessions(team, WINDOW)}
    assert names == {(str(USERS[0]), "Dana"), *((str(each), "Unknown") for each in USERS[1:])}


def test_meta_says_which_days_and_when(team: Api) -> None:
    asked = team("GET", "/sessions", params={"period": "7d"}, role="team_admin")
    meta = asked.json()["meta"]
    today = datetime.now(ZONE).date()
    first = (today - timedelta(days=6)).isoformat()
    assert meta["window"] == {"from": first, "to": today.isoformat(), "period": "7d"}
    assert meta["partial_day"] == today.isoformat()
    assert meta["time_zone"] == ZONE.key
    through, as_of = (datetime.fromisoformat(meta[name]) for name in ("data_through", "as_of"))
    assert through < as_of
    assert "urn:uuid:" in asked.headers["x-request-id"]


# --- which day -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("Europe/Berlin", date(2026, 3, 29)),  # 23 hours
        ("Europe/Berlin", date(2025, 10, 26)),  # 25 hours
        ("America/Sao_Paulo", date(2018, 11, 4)),  # begins at one o'clock
        ("America/Sao_Paulo", date(2018, 2, 18)),  # the evening before comes twice
        ("Asia/Beirut", date(2022, 3, 27)),  # begins at one o'clock
        ("America/Havana", date(2023, 11, 5)),  # its first hour comes twice
        ("America/St_Johns", date(2006, 10, 29)),  # begins, goes back to the day before, begins
        ("Pacific/Apia", date(2011, 12, 30)),  # was left out
        ("Pacific/Kiritimati", date(2026, 3, 1)),
        ("Etc/GMT+12", date(2026, 3, 1)),
    ],
    ids=str,
)
def test_a_session_is_of_the_day_that_it_started_on_where_the_account_is(
    shared_live_api: Api, zone: str, around: date
) -> None:
    api = shared_live_api.of(uuid4())
    middle = datetime(around.year, around.month, around.day, 12, tzinfo=UTC)
    starts = [middle + timedelta(minutes=10 * each) for each in range(-400, 401)]
    # On the edges themselves, where an instant decides.
    starts += [each - timedelta(microseconds=1) for each in starts if each.minute in {0, 30}]
    events = [event("account.upserted", account_id=api.account_id, name="O", time_zone=zone)]
    sessions = {uuid4(): start for start in starts}
    events += [
        at("session.started", start, session_id=each, flow_id=FLOWS[0], user_id=USERS[0])
        for each, start in sessions.items()
    ]
    for first in range(0, len(events), 500):
        assert api.post_events(events[first : first + 500]).status_code == 200
    days = {str(each): start.astimezone(ZoneInfo(zone)).date() for each, start in sessions.items()}
    listed = Counter[str]()
    for offset in range(-4, 5):
        day = around + timedelta(days=offset)
        expected = {each for each, started_on in days.items() if started_on == day}
        window = {"from": day.isoformat(), "to": day.isoformat()}
        found = [row["session_id"] for row in all_sessions(api, window)]
        assert set(found) == expected, day
        assert count_sessions(api, window) == len(found)
        answer = api("GET", "/analytics/team", params=window, role="team_admin").json()
        assert answer["summary"]["total_sessions"] == len(found)
        listed.update(found)
    assert listed == Counter(days.keys())


@pytest.mark.parametrize(
    "query", ["from=9999-12-31&to=9999-12-31", "from=0001-01-01&to=0001-01-02"]
)
def test_the_first_and_the_last_days_answer(team: Api, query: str) -> None:
    answer = team("GET", f"/sessions?{query}", role="team_admin")
    assert (answer.status_code, answer.json()["sessions"]) == (200, [])


# --- page by page --------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_pages_are_the_list_cut_into_pieces(team: Api, limit: int) -> None:
    whole = all_sessions(team, WINDOW)
    assert [row["started_at"] for row in whole] == sorted(
        (row["started_at"] for row in whole), reverse=True
    )
    narrow = WINDOW | {"flow_id": str(FLOWS[2])}
    expected = [row for row in whole if row["flow_id"] == str(FLOWS[2])]
    assert all_sessions(team, narrow, limit=limit) == expected


def test_sessions_that_started_at_the_same_moment_are_told_apart(shared_live_api: Api) -> None:
    api = shared_live_api.of(uuid4())
    started = [
        event("session.started", session_id=uuid4(), flow_id=FLOWS[0], user_id=USERS[0])
        for _ in range(9)
    ]
    assert api.post_events(started).status_code == 200
    window = {"from": "2026-03-01", "to": "2026-03-01"}
    found = [row["session_id"] for row in all_sessions(api, window, limit=2)]
    assert sorted(found) == sorted(each["data"]["session_id"] for each in started)


def test_what_comes_in_between_two_pages_moves_nothing(shared_live_api: Api) -> None:
    api = shared_live_api.of(uuid4())
    user = {"user_id": str(USERS[0])}
    now = datetime.now(UTC)

    def start(moment: datetime) -> Event:
        return at("session.started", moment, session_id=uuid4(), flow_id=FLOWS[0], **user)

    assert api.post_events([start(now - timedelta(hours=n)) for n in range(1, 5)]).is_success
    asked: dict[str, Any] = {"period": "7d", "limit": 2, "total": "true"}
    first = api("GET", "/sessions", params=asked, role="team_admin").json()
    assert api.post_events([start(now)]).is_success
    asked["cursor"] = first["next_cursor"]
    second = api("GET", "/sessions", params=asked, role="team_admin").json()
    ids = [row["session_id"] for page in (first, second) for row in page["sessions"]]
    assert len(set(ids)) == 4
    assert (first["total"], second["total"]) == (4, 5)
    assert second["meta"]["window"] == first["meta"]["window"]
    assert second["next_cursor"] is None


def cursor_of(team: Api, **params: Any) -> str:
    answer = team("GET", "/sessions", params=WINDOW | params | {"limit": 1}, role="team_admin")
    cursor: str = answer.json()["next_cursor"]
    return cursor


def test_a_cursor_that_is_none_is_422(team: Api) -> None:
    good = cursor_of(team)
    faulty = [
        "",
        "nonsense",
        "[]",
        "W10",
        good[:-3],
        good + "A",
        good + "==",
        "!" + good,
        good.swapcase(),
        "ä" + good,
        cursor_of(team, flow_id=str(FLOWS[0])),
        cursor_of(team, **{"from": "2026-02-21"}),
    ]
    for cursor in faulty:
        params = WINDOW | {"cursor": cursor}
        answer = team("GET", "/sessions", params=params, role="team_admin")
        assert answer.status_code == 422, cursor
        assert [each["pointer"] for each in answer.json()["errors"]] == ["/cursor"]
    params = WINDOW | {"cursor": good}
    assert team("GET", "/sessions", params=params, role="team_admin").status_code == 200
    # Nor in another account, whose list is another.
    other = team.of(uuid4())
    assert other("GET", "/sessions", params=params, role="team_admin").status_code == 422


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=501", "/limit"),
        ("limit=many", "/limit"),
        ("outcome=", "/outcome"),
        ("outcome=lost", "/outcome"),
        ("rating=0", "/rating"),
        ("rating=6", "/rating"),
        ("weekday=0", "/weekday"),
        ("weekday=8", "/weekday"),
        ("hour=24", "/hour"),
        ("hour=-1", "/hour"),
        ("completed=perhaps", "/completed"),
        ("rated=1", "/rated"),
        ("total=yes", "/total"),
        ("step_id=", "/step_id"),
        ("step_id=a%00b", "/step_id"),
        ("step_id=a&step_was_last=perhaps", "/step_was_last"),
        ("step_was_last=true", "/step_was_last"),
        ("step_id=a&was_helpful=perhaps", "/was_helpful"),
        ("was_helpful=true", "/was_helpful"),
        ("was_helpful=true&dated_by=vote", "/was_helpful"),
        ("dated_by=vote", "/dated_by"),
        ("dated_by=end", "/dated_by"),
        ("engineer_id=nobody", "/engineer_id"),
        ("flow_id=nothing", "/flow_id"),
        ("period=8d", "/period"),
        ("from=2026-03-01", "/to"),
        ("from=2020-01-01&to=2026-01-01", "/to"),
    ],
)
def test_a_parameter_that_means_nothing_is_422(team: Api, query: str, pointer: str) -> None:
    answer = team("GET", f"/sessions?{query}", role="team_admin")
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


# --- who sees what -------------------------------------------------------------------------------


def test_an_engineer_has_their_own_sessions_only(team: Api) -> None:
    expected = all_sessions(team, WINDOW | {"engineer_id": str(USERS[1])})
    assert expected
    mine = all_sessions(team, WINDOW, role="engineer", user_id=USERS[1])
    assert mine == expected
    assert count_sessions(team, WINDOW, role="engineer", user_id=USERS[1]) == len(mine)
    own = WINDOW | {"engineer_id": str(USERS[1])}
    assert all_sessions(team, own, role="engineer", user_id=USERS[1]) == expected
    answer = team("GET", "/sessions", params=own, role="engineer", user_id=USERS[2])
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_service_sees_sessions_without_comments(team: Api) -> None:
    expected = all_sessions(team, WINDOW)
    assert any(row["comment"] for row in expected)
    for user_id in (uuid4(), USERS[0]):
        seen = all_sessions(team, WINDOW, role="service", user_id=user_id)
        assert seen == [row | {"comment": None} for row in expected]


def test_a_super_admin_sees_another_account_and_others_do_not(team: Api) -> None:
    other = team.of(uuid4())
    params = WINDOW | {"account_id": str(team.account_id)}
    expected = count_sessions(team, WINDOW)
    assert count_sessions(other, params, role="super_admin") == expected
    for role in ("engineer", "team_admin", "service"):
        assert other("GET", "/sessions", params=params, role=role).status_code == 403
