"""Who the demo is about: the accounts, people, flows and words of `demo.toml`."""

import re
from functools import cached_property
from pathlib import Path
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct

DAYS = 120
"""How far back the demo goes."""

_NAMESPACE = UUID("7d0f4c1e-52a5-5c0b-9b36-0c5d1f3a8e21")


class Cast(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `demo.toml` says; its head explains the numbers."""


class Habit(Cast, frozen=True):
    pace: float = 1.0
    leaves: float = 1.0
    escalates: float = 1.0
    solves: float = 1.0
    rated: float = 1.0
    warmth: float = 0.0
    busy: float = 1.0


class Engineer(Cast, frozen=True):
    name: str
    habit: str
    joined_days_ago: int = DAYS + 1
    named: bool = True


class Change(Cast, frozen=True):
    """From the start of that week on, the flow has one step more and goes much better."""

    week: int
    step: str


class Flow(Cast, frozen=True):
    name: str
    weight: float
    minutes: float
    abandoned: float
    outcomes: tuple[float, float, float, float]
    steps: tuple[str, ...]
    stuck_at: str | None = None
    changed: Change | None = None
    named: bool = True

    def steps_at(self, week: int) -> tuple[str, ...]:
        if self.changed and week < self.changed.week:
            return tuple(step for step in self.steps if step != self.changed.step)
        return self.steps


class DemoAccount(Cast, frozen=True, dict=True):
    name: str
    time_zone: str
    share: float
    growth: float
    languages: tuple[str, ...]
    admin: str
    engineers: tuple[Engineer, ...]
    flows: tuple[Flow, ...]
    tour: bool = False

    @cached_property
    def account_id(self) -> UUID:
        return uuid5(_NAMESPACE, self.name)

    def user_id(self, name: str) -> UUID:
        return uuid5(self.account_id, f"user {name}")

    def flow_id(self, name: str) -> UUID:
        return uuid5(self.account_id, f"flow {name}")


class Chances(Cast, frozen=True):
    late_event: float
    overnight: float
    back: float
    skip: float
    solved_early: float
    voted: float
    voted_when_stuck: float
    helpful: float
    helpful_when_stuck: float
    vote_changed: float
    vote_withdrawn: float
    rated: float
    rated_days_later: float
    commented: float


class Comments(Cast, frozen=True):
    good: tuple[str, ...]
    middling: tuple[str, ...]
    bad: tuple[str, ...]

    def by_stars(self, rating: int) -> tuple[str, ...]:
        return (self.bad, self.bad, self.middling, self.good, self.good)[rating - 1]


class Play(Cast, frozen=True):
    chances: Chances
    habits: dict[str, Habit]
    accounts: tuple[DemoAccount, ...]
    comments: dict[str, Comments]


PLAY = msgspec.toml.decode(Path(__file__).with_name("demo.toml").read_bytes(), type=Play)

DEMO_ACCOUNTS = PLAY.accounts
"""Every account of the demo, the largest first."""


def step_id(title: str) -> str:
    """Return the id of a demo step.

    >>> step_id("Read the router's lights")
    'read-the-router-s-lights'
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
