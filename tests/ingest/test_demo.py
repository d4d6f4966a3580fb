"""The demo's events: the same every time, valid, and as untidy as real ones."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ingest.demo import DEMO_ACCOUNTS, DemoAccount, demo_events, demo_tour
from ingest.schema import (
    AnyEvent,
    FlowUpsertedEvent,
    SessionCompletedEvent,
    SessionRatedEvent,
    SessionStartedEvent,
    StepFeedbackEvent,
    StepVisitedEvent,
    UserUpsertedEvent,
)

NOW = datetime(2026, 3, 4, 15, 20, 30, 123456, tzinfo=UTC)
SESSIONS = 8_000

Events = list[tuple[UUID, AnyEvent]]


@pytest.fixture(scope="module")
def events() -> Events:
    return list(demo_events(now=NOW, sessions=SESSIONS))


@pytest.fixture(scope="module")
def started(events: Events) -> dict[UUID, SessionStartedEvent]:
    return {
        event.data.session_id: event
        for _, event in events
        if isinstance(event, SessionStartedEvent)
    }


@pytest.fixture(scope="module")
def completed(events: Events) -> dict[UUID, SessionCompletedEvent]:
    return {
        event.data.session_id: event
        for _, event in events
        if isinstance(event, SessionCompletedEvent)
    }


def test_the_same_call_gives_the_same_events() -> None:
    """Also to a caller in another time zone: only the instant counts."""
    once = list(demo_events(now=NOW, sessions=300, seed=7))
    again = list(demo_events(now=NOW.astimezone(ZoneInfo("Asia/Kolkata")), sessions=300, seed=7))

    assert once == again
    assert once != list(demo_events(now=NOW, sessions=300, seed=8))


def test_as_many_sessions_start_as_were_asked_for(
    started: dict[UUID, SessionStartedEvent],
) -> None:
    assert len(started) == SESSIONS


@pytest.mark.parametrize("sessions", [0, 1, 50])
def test_even_the_smallest_demo_has_every_account_and_every_tour(sessions: int) -> None:
    events = list(demo_events(now=NOW, sessions=sessions))

    assert {account.account_id for account in DEMO_ACCOUNTS} == {account for account, _ in events}
    starts = {e.data.session_id for _, e in events if isinstance(e, SessionStartedEvent)}
    assert {demo_tour(a).session_id for a in DEMO_ACCOUNTS if a.tour} <= starts


def test_event_ids_are_unique(events: Events) -> None:
    assert len(events) == len({event.id for _, event in events})


def test_nothing_lies_in_the_future_or_before_the_demo(events: Events) -> None:
    times = [event.occurred_at for _, event in events]

    assert max(times) <= NOW
    assert NOW - timedelta(days=122) <= min(times)


def test_the_demo_reaches_up_to_now(started: dict[UUID, SessionStartedEvent]) -> None:
    assert NOW - timedelta(hours=2) < max(event.occurred_at for event in started.values())


def test_every_event_survives_the_wire(events: Events) -> None:
    """Encoding does not validate, decoding does: lengths, ranges, step ids, outcomes."""
    decoder = msgspec.json.Decoder(AnyEvent)

    for _, event in events:
        assert event == decoder.decode(msgspec.json.encode(event))


def test_sessions_keep_to_their_own_account(events: Events) -> None:
    """An id that appeared in two accounts would be two things."""
    accounts = defaultdict(set)
    for account_id, event in events:
        if session_id := getattr(event.data, "session_id", None):
            accounts[session_id].add(account_id)

    assert all(len(of_session) == 1 for of_session in accounts.values())


def test_accounts_come_one_after_the_other_the_largest_first(events: Events) -> None:
    order = list(dict.fromkeys(account for account, _ in events))
    sizes = Counter(account for account, event in events if isinstance(event, SessionStartedEvent))

    assert [account.account_id for account in DEMO_ACCOUNTS] == order
    assert order == [account for account, _ in sizes.most_common()]
    assert 0.45 < sizes[order[0]] / SESSIONS < 0.6


def test_steps_belong_to_their_flow(
    events: Events, started: dict[UUID, SessionStartedEvent]
) -> None:
    steps = {
        account.flow_id(flow.name): flow for account in DEMO_ACCOUNTS for flow in account.flows
    }
    named = {
        event.data.flow_id: {step.step_id for step in event.data.steps}
        for _, event in events
        if isinstance(event, FlowUpsertedEvent)
    }

    for _, event in events:
        if isinstance(event, StepVisitedEvent | StepFeedbackEvent):
            flow_id = started[event.data.session_id].data.flow_id
            if steps[flow_id].named:
                assert event.data.step_id in named[flow_id]


@pytest.mark.parametrize("account", [a for a in DEMO_ACCOUNTS if a.tour], ids=lambda a: a.name)
def test_the_tour_leads_to_a_completed_unrated_session_of_its_engineer(
    account: DemoAccount, events: Events, started: dict[UUID, SessionStartedEvent]
) -> None:
    tour = demo_tour(account)
    about = [
        event
        for account_id, event in events
        if account_id == tour.account_id
        and getattr(event.data, "session_id", "") == tour.session_id
    ]
    roles = {e.data.user_id: e.data.role for _, e in events if isinstance(e, UserUpsertedEvent)}

    start = started[tour.session_id].data
    assert (tour.engineer_id, tour.flow_id) == (start.user_id, start.flow_id)
    assert (roles[tour.engineer_id], roles[tour.admin_id]) == ("engineer", "team_admin")
    (completion,) = (event for event in about if isinstance(event, SessionCompletedEvent))
    assert NOW - timedelta(hours=1) >= completion.occurred_at
    assert tour.step_id in {e.data.step_id for e in about if isinstance(e, StepVisitedEvent)}
    assert not [e for e in about if isinstance(e, SessionRatedEvent | StepFeedbackEvent)]


def test_the_default_tour_is_the_largest_account_s() -> None:
    assert DEMO_ACCOUNTS[0].account_id == demo_tour().account_id


def test_some_things_are_never_named(
    events: Events, started: dict[UUID, SessionStartedEvent]
) -> None:
    users = {e.data.user_id for _, e in events if isinstance(e, UserUpsertedEvent)}
    flows = {e.data.flow_id for _, e in events if isinstance(e, FlowUpsertedEvent)}

    assert {event.data.user_id for event in started.values()} - users
    assert len({event.data.flow_id for event in started.values()} - flows) == 1


def test_some_events_are_late(events: Events) -> None:
    """Some even precede the start of their session."""
    seen = set()
    early = 0
    for _, event in events:
        if isinstance(event, SessionStartedEvent):
            seen.add(event.data.session_id)
        elif isinstance(event, StepVisitedEvent):
            early += event.data.session_id not in seen

    assert early > 0


def test_some_sessions_are_abandoned_and_some_end_on_another_day(
    events: Events,
    started: dict[UUID, SessionStartedEvent],
    completed: dict[UUID, SessionCompletedEvent],
) -> None:
    zones = {account.account_id: ZoneInfo(account.time_zone) for account in DEMO_ACCOUNTS}
    zone_of = {
        event.data.session_id: zones[account]
        for account, event in events
        if isinstance(event, SessionStartedEvent)
    }
    later_day = [
        session
        for session, event in completed.items()
        if event.occurred_at.astimezone(zone_of[session]).date()
        > started[session].occurred_at.astimezone(zone_of[session]).date()
    ]

    assert 0.8 < len(completed) / len(started) < 0.95
    assert later_day
    assert all(event.occurred_at > started[s].occurred_at for s, event in completed.items())


def test_some_ratings_come_days_later_and_some_say_why(
    events: Events, completed: dict[UUID, SessionCompletedEvent]
) -> None:
    ratings = [event for _, event in events if isinstance(event, SessionRatedEvent)]
    comments = [event.data.comment for event in ratings if event.data.comment]

    assert 0.35 < len(ratings) / len(completed) < 0.55
    assert 0.25 < len(comments) / len(ratings) < 0.45
    assert any(not comment.isascii() for comment in comments)
    assert not any("{" in comment for comment in comments)
    assert {1, 2, 3, 4, 5} == {event.data.rating for event in ratings}
    assert any(
        event.occurred_at - completed[event.data.session_id].occurred_at > timedelta(days=1)
        for event in ratings
    )


def test_better_outcomes_are_rated_better(
    events: Events, completed: dict[UUID, SessionCompletedEvent]
) -> None:
    stars = defaultdict(list)
    for _, event in events:
        if isinstance(event, SessionRatedEvent):
            stars[completed[event.data.session_id].data.outcome].append(event.data.rating)
    means = {outcome: sum(given) / len(given) for outcome, given in stars.items()}

    assert sorted(means, key=lambda outcome: -means[outcome]) == [
        "resolved",
        "workaround",
        "escalated",
        "unresolved",
    ]


def test_some_votes_are_changed_and_some_withdrawn(events: Events) -> None:
    votes = defaultdict(list)
    for _, event in sorted(events, key=lambda item: item[1].occurred_at):
        if isinstance(event, StepFeedbackEvent):
            votes[event.data.session_id, event.data.step_id].append(event.data.was_helpful)

    assert {(True,), (False,), (True, False), (False, True), (True, None)} <= {
        tuple(of_step) for of_step in votes.values()
    }


def test_the_changed_flow_got_better(
    started: dict[UUID, SessionStartedEvent], completed: dict[UUID, SessionCompletedEvent]
) -> None:
    account, flow, change = next(
        (a, f, f.changed) for a in DEMO_ACCOUNTS for f in a.flows if f.changed
    )
    outcomes: dict[bool, list[bool]] = {False: [], True: []}
    for session, event in completed.items():
        if started[session].data.flow_id == account.flow_id(flow.name):
            weeks = (started[session].occurred_at - (NOW - timedelta(days=120))).days // 7
            outcomes[weeks >= change.week].append(event.data.outcome == "resolved")
    before, after = (sum(resolved) / len(resolved) for resolved in outcomes.values())

    assert before + 0.1 < after


def test_people_get_stuck_at_one_step(
    events: Events,
    started: dict[UUID, SessionStartedEvent],
    completed: dict[UUID, SessionCompletedEvent],
) -> None:
    account, flow = next((a, f) for a in DEMO_ACCOUNTS for f in a.flows if f.stuck_at)
    last_steps = {}
    for _, event in sorted(events, key=lambda item: item[1].occurred_at):
        if isinstance(event, StepVisitedEvent):
            last_steps[event.data.session_id] = event.data.step_id
    left_at = Counter(
        step
        for session, step in last_steps.items()
        if session not in completed and started[session].data.flow_id == account.flow_id(flow.name)
    )

    assert left_at.most_common(1)[0][0] == "enter-the-server-password"


def test_work_is_done_in_working_hours(events: Events) -> None:
    for account in DEMO_ACCOUNTS[:4]:
        zone = ZoneInfo(account.time_zone)
        local = [
            event.occurred_at.astimezone(zone)
            for account_id, event in events
            if account_id == account.account_id and isinstance(event, SessionStartedEvent)
        ]

        assert sum(8 <= at.hour < 18 for at in local) / len(local) > 0.85
        assert sum(at.weekday() >= 5 for at in local) / len(local) < 0.1
