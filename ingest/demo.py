"""The demo's events: four months in the lives of a few invented support organisations.

`demo.toml` is the cast, this is the plot. Everything follows from the seed and from `now`, so that
the same call tells the same story, down to the ids. Like real traffic it is untidy: some events
arrive long after they happened, some sessions are never ended, a few things are never named.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import log2
from random import Random
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from ingest.demo_cast import DAYS, DEMO_ACCOUNTS, PLAY, DemoAccount, Engineer, Flow, Habit, step_id
from ingest.schema import (
    AccountUpserted,
    AccountUpsertedEvent,
    AnyEvent,
    FlowStep,
    FlowUpserted,
    FlowUpsertedEvent,
    Outcome,
    SessionCompleted,
    SessionCompletedEvent,
    SessionRated,
    SessionRatedEvent,
    SessionStarted,
    SessionStartedEvent,
    StepFeedback,
    StepFeedbackEvent,
    StepVisited,
    StepVisitedEvent,
    UserRole,
    UserUpserted,
    UserUpsertedEvent,
)

__all__ = ["DEMO_ACCOUNTS", "DemoAccount", "DemoTour", "demo_events", "demo_tour"]

OUTCOMES: tuple[Outcome, ...] = ("resolved", "escalated", "workaround", "unresolved")

CHANCES = PLAY.chances

# How busy an hour of the local day is, and a day of the week from Monday. The few who work late are
# what carries sessions over midnight.
_HOURS = (1, 1, 0, 0, 0, 1, 4, 18, 55, 90, 100, 92, 60, 70, 95, 90, 72, 40, 18, 10, 8, 6, 4, 2)
_WEEKDAYS = (1.2, 1.1, 1.0, 1.0, 0.9, 0.16, 0.08)
_STARS: dict[Outcome, float] = {
    "resolved": 4.5,
    "workaround": 3.7,
    "escalated": 3.1,
    "unresolved": 1.9,
}

# --- the tour -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DemoTour:
    """A session to try the API on: completed more than an hour ago, unrated, without a vote."""

    account_id: UUID
    admin_id: UUID
    engineer_id: UUID
    flow_id: UUID
    session_id: UUID
    step_id: str


def demo_tour(account: DemoAccount = DEMO_ACCOUNTS[0]) -> DemoTour:
    """Return the tour of an account, by default the largest; its events are among the others.

    Neither the seed nor `now` matters: the ids can be printed without generating anything.
    """
    flow = account.flows[0]
    return DemoTour(
        account_id=account.account_id,
        admin_id=account.user_id(account.admin),
        engineer_id=account.user_id(account.engineers[0].name),
        flow_id=account.flow_id(flow.name),
        session_id=uuid5(account.account_id, "session of the tour"),
        step_id=step_id(flow.steps[2]),
    )


# --- the plot -------------------------------------------------------------------------------------


def demo_events(
    *, now: datetime, sessions: int = 20_000, seed: int = 1
) -> Iterator[tuple[UUID, AnyEvent]]:
    """Yield (account id, event), one account after the other, nothing later than `now`.

    As many `session.started` come as sessions are asked for (but never fewer than one an account
    and one a tour), so that counting them is a measure of progress.

    Ids depend on the seed and not on `now`: a demo told again on another day has the ids of the
    first with other times. Load it once into a database.
    """
    now = now.astimezone(UTC).replace(microsecond=0)
    shares = [max(1, int(sessions * account.share / 100)) for account in DEMO_ACCOUNTS]
    shares[0] = max(1, sessions - sum(shares[1:]))
    for account, share in zip(DEMO_ACCOUNTS, shares, strict=True):
        chance = Random(f"{account.name} {seed}")  # noqa: S311 - invents a plot, guards no secret
        for event in _Plot(account, chance, now, seed).events(share):
            if event.occurred_at <= now:
                yield account.account_id, event


@dataclass
class _Log:
    """The events of one thing; their ids follow from its id and their order."""

    source: UUID
    events: list[AnyEvent] = field(default_factory=list)

    def next_id(self) -> UUID:
        return uuid5(self.source, f"event {len(self.events)}")

    def visited(self, at: datetime, step: str) -> None:
        data = StepVisited(session_id=self.source, step_id=step_id(step), visited_at=at)
        self.events.append(StepVisitedEvent(id=self.next_id(), occurred_at=at, data=data))

    def voted(self, at: datetime, step: str, *, was_helpful: bool | None) -> None:
        data = StepFeedback(session_id=self.source, step_id=step_id(step), was_helpful=was_helpful)
        self.events.append(StepFeedbackEvent(id=self.next_id(), occurred_at=at, data=data))

    def completed(self, at: datetime, outcome: Outcome) -> None:
        data = SessionCompleted(session_id=self.source, outcome=outcome, completed_at=at)
        self.events.append(SessionCompletedEvent(id=self.next_id(), occurred_at=at, data=data))

    def rated(self, at: datetime, rating: int, comment: str | None) -> None:
        data = SessionRated(session_id=self.source, rating=rating, comment=comment)
        self.events.append(SessionRatedEvent(id=self.next_id(), occurred_at=at, data=data))


@dataclass(frozen=True)
class _Walk:
    """The steps taken, each with the seconds spent there."""

    steps: list[tuple[str, int]]
    finished: bool
    better: bool


class _Plot:
    """One account's four months."""

    def __init__(self, account: DemoAccount, chance: Random, now: datetime, seed: int) -> None:
        self.account, self.chance, self.now, self.seed = account, chance, now, seed
        self.beginning = now - timedelta(days=DAYS)
        self.engineer_weights = [PLAY.habits[e.habit].busy for e in account.engineers]
        self.flow_weights = [flow.weight for flow in account.flows]

    def events(self, sessions: int) -> Iterator[AnyEvent]:
        yield from self.names()
        if self.account.tour:
            yield from self.tour_session()
            sessions -= 1
        late: list[AnyEvent] = []
        for number, started_at in enumerate(self.starts(sessions)):
            events = self.session(
                uuid5(self.account.account_id, f"{self.seed} {number}"), started_at
            )
            if self.happens(CHANCES.late_event):
                late.append(events.pop(self.chance.randrange(len(events))))
            yield from events
        yield from late

    def names(self) -> Iterator[AnyEvent]:
        account, log = self.account, _Log(self.account.account_id)
        before = self.beginning - timedelta(days=1)
        body = AccountUpserted(
            account_id=account.account_id, name=account.name, time_zone=account.time_zone
        )
        log.events.append(AccountUpsertedEvent(id=log.next_id(), occurred_at=before, data=body))
        people: list[tuple[str, UserRole, datetime]] = [(account.admin, "team_admin", before)]
        people += [
            (engineer.name, "engineer", self.now - timedelta(days=engineer.joined_days_ago))
            for engineer in account.engineers
            if engineer.named
        ]
        for name, role, since in people:
            user = UserUpserted(user_id=account.user_id(name), name=name, role=role)
            log.events.append(UserUpsertedEvent(id=log.next_id(), occurred_at=since, data=user))
        for flow in filter(lambda flow: flow.named, account.flows):
            versions = {before: 0}
            if flow.changed:
                versions[self.beginning + timedelta(weeks=flow.changed.week)] = flow.changed.week
            for since, week in versions.items():
                named = self.flow_body(flow, week)
                log.events.append(
                    FlowUpsertedEvent(id=log.next_id(), occurred_at=since, data=named)
                )
        yield from log.events

    def flow_body(self, flow: Flow, week: int) -> FlowUpserted:
        return FlowUpserted(
            flow_id=self.account.flow_id(flow.name),
            name=flow.name,
            steps=[
                FlowStep(step_id=step_id(title), title=title, position=position)
                for position, title in enumerate(flow.steps_at(week))
            ],
        )

    def tour_session(self) -> Iterator[AnyEvent]:
        """Yield the session of `demo_tour`."""
        flow, tour = self.account.flows[0], demo_tour(self.account)
        at = self.now - timedelta(hours=2)
        log = _Log(tour.session_id)
        log.events.append(self.started(log, at, tour.flow_id, tour.engineer_id))
        for step in flow.steps[:5]:
            at += timedelta(minutes=3)
            log.visited(at, step)
        log.completed(at + timedelta(minutes=4), "resolved")
        yield from log.events

    def starts(self, sessions: int) -> list[datetime]:
        """Return when sessions start: in working hours of the account's zone, more every week."""
        zone = ZoneInfo(self.account.time_zone)
        hours = [self.now - timedelta(hours=ago) for ago in range(DAYS * 24, 0, -1)]
        weights = []
        for hour in hours:
            local = hour.astimezone(zone)
            grown = 1 + (self.account.growth - 1) * ((hour - self.beginning) / timedelta(days=DAYS))
            weights.append((_HOURS[local.hour] + 0.1) * _WEEKDAYS[local.weekday()] * grown)
        chosen = self.chance.choices(hours, weights, k=sessions)
        return sorted(hour + timedelta(seconds=self.chance.randrange(3600)) for hour in chosen)

    def started(self, log: _Log, at: datetime, flow_id: UUID, user_id: UUID) -> SessionStartedEvent:
        data = SessionStarted(
            session_id=log.source, flow_id=flow_id, user_id=user_id, started_at=at
        )
        return SessionStartedEvent(id=log.next_id(), occurred_at=at, data=data)

    def session(self, session_id: UUID, started_at: datetime) -> list[AnyEvent]:
        """Return what happens in one session, and afterwards, in some order."""
        engineer, flow = self.engineer(started_at), self.flow()
        habit = PLAY.habits[engineer.habit]
        log = _Log(session_id)
        flow_id = self.account.flow_id(flow.name)
        user_id = self.account.user_id(engineer.name)
        log.events.append(self.started(log, started_at, flow_id, user_id))
        week = (started_at - self.beginning).days // 7
        walk = self.walk(flow, habit, week)
        at = started_at + timedelta(seconds=self.chance.randrange(2, 20))
        for step, seconds in walk.steps:
            log.visited(at, step)
            at += timedelta(seconds=seconds)
        for step in dict.fromkeys(step for step, _ in walk.steps):
            self.vote(log, at, step, stuck=step == flow.stuck_at)
        if walk.finished:
            outcome = self.outcome(flow, habit, better=walk.better)
            log.completed(at, outcome)
            if self.happens(CHANCES.rated * habit.rated):
                slowness = (at - started_at) / timedelta(minutes=flow.minutes)
                stars = _STARS[outcome] + habit.warmth - 0.35 * log2(max(slowness, 0.25))
                step = self.chance.choice(walk.steps)[0]
                self.rate(log, at, stars, {"flow": flow.name.lower(), "step": step})
        return log.events

    def engineer(self, at: datetime) -> Engineer:
        while True:
            (engineer,) = self.chance.choices(self.account.engineers, self.engineer_weights)
            if at >= self.now - timedelta(days=engineer.joined_days_ago):
                return engineer

    def flow(self) -> Flow:
        return self.chance.choices(self.account.flows, self.flow_weights)[0]

    def walk(self, flow: Flow, habit: Habit, week: int) -> _Walk:
        """Go through the flow: mostly forwards, sometimes past a step or back to one."""
        steps = flow.steps_at(week)
        better = flow.changed is not None and week >= flow.changed.week
        usual = 60 * flow.minutes * habit.pace * (0.55 if better else 1) / (0.8 * len(steps))
        leaving = flow.abandoned / 100 * habit.leaves * (0.4 if better else 1) / len(steps)
        walked: list[tuple[str, int]] = []
        position = 0
        while position < len(steps):
            stuck = steps[position] == flow.stuck_at
            seconds = usual * self.chance.lognormvariate(-0.15, 0.55) * (3 if stuck else 1)
            if self.happens(CHANCES.overnight):
                seconds += 16 * 3600
            walked.append((steps[position], 5 + int(seconds)))
            if self.happens(leaving * (6 if stuck else 1)):
                return _Walk(walked, finished=False, better=better)
            if position >= len(steps) // 2 and self.happens(CHANCES.solved_early):
                break
            if position > 0 and self.happens(CHANCES.back):
                position -= 1
            else:
                position += 2 if self.happens(CHANCES.skip) else 1
        return _Walk(walked, finished=True, better=better)

    def outcome(self, flow: Flow, habit: Habit, *, better: bool) -> Outcome:
        resolved, escalated, workaround, unresolved = flow.outcomes
        weights = (
            resolved * habit.solves * (2.5 if better else 1),
            escalated * habit.escalates,
            workaround,
            unresolved * (0.4 if better else 1),
        )
        return self.chance.choices(OUTCOMES, weights)[0]

    def vote(self, log: _Log, at: datetime, step: str, *, stuck: bool) -> None:
        if not self.happens(CHANCES.voted_when_stuck if stuck else CHANCES.voted):
            return
        at += timedelta(seconds=self.chance.randrange(5, 120))
        was_helpful = self.happens(CHANCES.helpful_when_stuck if stuck else CHANCES.helpful)
        log.voted(at, step, was_helpful=was_helpful)
        later = at + timedelta(seconds=int(self.chance.expovariate(1 / 36_000)) + 1)
        if self.happens(CHANCES.vote_withdrawn):
            log.voted(later, step, was_helpful=None)
        elif self.happens(CHANCES.vote_changed):
            log.voted(later, step, was_helpful=not was_helpful)

    def rate(self, log: _Log, at: datetime, stars: float, about: dict[str, str]) -> None:
        rating = min(5, max(1, round(self.chance.gauss(stars, 0.8))))
        if self.happens(CHANCES.rated_days_later):
            at += timedelta(seconds=self.chance.randrange(24 * 3600, 120 * 3600))
        else:
            at += timedelta(seconds=int(self.chance.expovariate(1 / 1_200)) + 5)
        comment = None
        if self.happens(CHANCES.commented):
            said = PLAY.comments[self.chance.choice(self.account.languages)].by_stars(rating)
            comment = self.chance.choice(said).format_map(about)
        log.rated(at, rating, comment)

    def happens(self, probability: float) -> bool:
        return self.chance.random() < probability
