"""Random sequences of what may happen to two accounts: events, calls and refreshes.

Hours, days and zones are those where days begin and end: a local midnight, a change of clocks, now.
"""

from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from event_oracle import window_of_period
from hypothesis import strategies as st
from incident_oracle import Window
from raw_oracle import NIL, Happened

# As few of everything as makes events meet; the same in both accounts, which must not meet.
USERS = [UUID(int=10), UUID(int=20), UUID(int=30)]
FLOWS = [UUID(int=40), UUID(int=50), UUID(int=60)]
SESSIONS = [UUID(int=number) for number in range(70, 76)]
STEPS = ["check-cable", "Étape 2"]
NOBODY = UUID(int=99)
OUTCOMES = ["resolved", "escalated", "workaround", "unresolved"]
NAMES = ["Ada", "Étienne", "Zoë"]
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Pacific/Apia",
    "Pacific/Kiritimati",
]
PERIODS = ["7d", "30d", "90d"]
TICK = timedelta(microseconds=1)


# --- moments -------------------------------------------------------------------------------------


class Ago(NamedTuple):
    """So long before now; ahead of it if negative."""

    by: timedelta

    def at(self, now: datetime) -> datetime:
        return now - self.by


class Midnight(NamedTuple):
    """So long after a day began somewhere, so many days ago."""

    zone: str
    days_ago: int
    after: timedelta

    def at(self, now: datetime) -> datetime:
        zone = ZoneInfo(self.zone)
        day = now.astimezone(zone).date() - timedelta(days=self.days_ago)
        return datetime.combine(day, time(), zone).astimezone(UTC) + self.after


class Fixed(NamedTuple):
    moment: datetime

    def at(self, _: datetime) -> datetime:
        return self.moment


Moment = Ago | Midnight | Fixed

CHANGES_OF_CLOCKS = [
    datetime(2025, 11, 2, 6, tzinfo=UTC),  # New York
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2025, 10, 26, 1, tzinfo=UTC),  # Berlin
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),  # Apia, which left this day out
]

_moment: st.SearchStrategy[Moment] = st.one_of(
    st.builds(
        Ago,
        st.sampled_from([-20, -5, -1, 1, 2, 5, 20, 50]).map(
            lambda hours: timedelta(hours=hours, microseconds=hours)
        ),
    ),
    st.builds(
        Midnight,
        st.sampled_from(ZONES),
        # The first days of the periods, and those before.
        st.sampled_from([0, 0, 1, 6, 7, 29, 30, 89, 90, 300]),
        st.sampled_from([-TICK, timedelta(), timedelta(hours=1)]),
    ),
    st.builds(
        lambda change, after: Fixed(change + after),
        st.sampled_from(CHANGES_OF_CLOCKS),
        st.sampled_from(
            [-TICK, timedelta(), timedelta(hours=1), timedelta(hours=-4), timedelta(hours=20)]
        ),
    ),
)


class Asked(NamedTuple):
    """A window as a request names it: a period, or so many days from about some moment's day."""

    period: str | None = None
    about: Moment = Ago(timedelta())
    shift: int = 0
    length: int = 1

    def days(self, now: datetime, today: date) -> Window:
        if self.period is not None:
            return window_of_period(self.period, today)
        first = self.about.at(now).date() + timedelta(days=self.shift)
        return Window(first, first + timedelta(days=self.length - 1))

    def query(self, now: datetime) -> dict[str, str]:
        if self.period is not None:
            return {"period": self.period}
        window = self.days(now, now.date())
        return {"from": window.first.isoformat(), "to": window.last.isoformat()}


# --- what happens --------------------------------------------------------------------------------


class Told(NamedTuple):
    """An event whose times are moments."""

    type: str
    occurred_at: Moment
    data: dict[str, Any]
    id: UUID

    def at(self, now: datetime) -> Happened:
        return Happened(self.type, self.occurred_at.at(now), resolved(self.data, now), self.id)


class Posted(NamedTuple):
    """A batch of events, some of which may have come before."""

    account: int
    events: tuple[Told, ...]


class Called(NamedTuple):
    """A single call."""

    account: int
    kind: str
    data: dict[str, Any]


class Refreshed(NamedTuple):
    """A refresh; if something is written meanwhile, when that share of it is done."""

    meanwhile: Posted | Called | None = None
    after: float = 0.5


Step = Posted | Called | Refreshed


class Story(NamedTuple):
    """What happens, with comparisons in between: what is asked of there, by chance."""

    steps: list[Step]
    windows: list[Asked]
    chance: int


_user = st.sampled_from(USERS)
_flow = st.sampled_from(FLOWS)
# One of them more often: many events about little say more than few about much.
_session = st.sampled_from([*SESSIONS, *SESSIONS[:2]])
_step = st.sampled_from(STEPS)
_name = st.sampled_from(NAMES)
_steps = st.lists(
    st.fixed_dictionaries({"step_id": _step, "title": _name, "position": st.integers(0, 2)}),
    max_size=2,
    unique_by=lambda step: step["step_id"],
)
_comment = st.sampled_from(["", "Quick. 👍", None])

Fields = dict[str, st.SearchStrategy[Any]]

# A session that is started again is edited, or moved to another day, flow or user.
EVENTS: dict[str, Fields] = {
    "account.upserted": {"name": _name, "time_zone": st.sampled_from(ZONES)},
    "user.upserted": {"user_id": _user, "name": _name, "role": st.just("engineer")},
    "flow.upserted": {"flow_id": _flow, "name": _name, "steps": _steps},
    "session.started": {
        "session_id": _session,
        "flow_id": _flow,
        "user_id": _user,
        "started_at?": _moment,
    },
    "step.visited": {"session_id": _session, "step_id": _step, "visited_at?": _moment},
    "session.completed": {
        "session_id": _session,
        "outcome?": st.sampled_from([*OUTCOMES, None]),
        "completed_at?": _moment,
    },
    "session.rated": {"session_id": _session, "rating": st.integers(1, 5), "comment?": _comment},
    "step.feedback": {
        "session_id": _session,
        "step_id": _step,
        "was_helpful": st.sampled_from([True, False, None]),
        "user_id?": st.sampled_from([*USERS, None]),
    },
    "session.deleted": {"session_id": _session},
    "user.erased": {"user_id": _user},
}
CALLS: dict[str, Fields] = {
    "start": {"session_id": _session, "flow_id": _flow, "user_id": _user, "started_at": _moment},
    "visit": {"session_id": _session, "step_id": _step, "visited_at": _moment},
    "complete": {
        "session_id": _session,
        "outcome": st.sampled_from(OUTCOMES),
        "completed_at": _moment,
    },
    "rate": {"session_id": _session, "rating": st.integers(1, 5), "comment": _comment},
    "vote": {"session_id": _session, "step_id": _step, "was_helpful": st.booleans()},
    "withdraw": {"session_id": _session, "step_id": _step},
    "account": EVENTS["account.upserted"],
    "user": EVENTS["user.upserted"],
    "flow": EVENTS["flow.upserted"],
    "delete": {"session_id": _session},
    "erase": {"user_id": _user},
}
# Enough of what is counted, and so few erasures that something is left.
EVENT_WEIGHTS = {
    "session.started": 6,
    "session.completed": 4,
    "step.feedback": 3,
    "session.rated": 2,
    "step.visited": 2,
}
STEPS_OF_STORIES = ["write", "refresh", "write meanwhile"]
OFTEN = 6
CALL_WEIGHTS = {"complete": 2, "rate": 2, "vote": 3, "withdraw": 2}


def _fields(fields: Fields) -> st.SearchStrategy[dict[str, Any]]:
    """Draw every field; one whose name ends in `?` may be left out."""
    return st.fixed_dictionaries(
        {name: value for name, value in fields.items() if not name.endswith("?")},
        optional={
            name.removesuffix("?"): value for name, value in fields.items() if name.endswith("?")
        },
    )


def _weighted(kinds: dict[str, Fields], weights: dict[str, int]) -> st.SearchStrategy[Any]:
    chosen = st.sampled_from(list(chain(*([kind] * weights.get(kind, 1) for kind in kinds))))
    data = {kind: _fields(fields) for kind, fields in kinds.items()}
    return chosen.flatmap(lambda kind: st.tuples(st.just(kind), data[kind]))


_call = _weighted(CALLS, CALL_WEIGHTS)
_account = st.sampled_from([0, 0, 1])
_asked = st.one_of(
    st.builds(Asked, st.sampled_from(PERIODS)),
    st.builds(
        Asked,
        st.none(),
        _moment,
        st.integers(-2, 2),
        st.sampled_from([1, 1, 2, 5, 31, 90, 300, 1100]),
    ),
)


@st.composite
def stories(draw: st.DrawFn, *, often: str = "", most: int = 8) -> Story:
    """Draw a story in which one kind of event or of step comes often."""
    weights = EVENT_WEIGHTS | ({often: OFTEN} if often in EVENTS else {})
    event = st.tuples(_weighted(EVENTS, weights), _moment)
    kinds = STEPS_OF_STORIES + [often] * (OFTEN if often in STEPS_OF_STORIES else 0)
    sent: tuple[list[Told], list[Told]] = ([], [])

    def posted(least: int, account: int) -> Posted:
        new: list[Told] = []
        for (kind, data), moment in draw(st.lists(event, min_size=least, max_size=12)):
            # Ids in no order, and the same in both accounts.
            event_id = uuid5(NIL, f"{len(sent[account])} {len(new)}")
            new.append(Told(kind, moment, data, event_id))
        again = draw(st.lists(st.sampled_from(sent[account]), max_size=4)) if sent[account] else []
        sent[account].extend(new)
        return Posted(account, tuple(draw(st.permutations(new + again))))

    def written() -> Posted | Called:
        account = draw(_account)
        if draw(st.booleans()):
            return posted(1, account)
        return Called(account, *draw(_call))

    # Something to correct.
    steps: list[Step] = [posted(8, 0)]
    for _ in range(draw(st.integers(1, most))):
        kind = draw(st.sampled_from(kinds))
        if kind == "write":
            steps.append(written())
        elif kind == "refresh":
            steps.append(Refreshed())
        else:
            # Before the first statement it would be no meanwhile.
            steps.append(Refreshed(written(), draw(st.sampled_from([0.05, 0.2, 0.5, 0.8, 1.0]))))
    return Story(steps, draw(st.lists(_asked, min_size=2, max_size=4)), draw(st.integers(0, 2**32)))


def resolved(fields: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the fields with every moment as a time."""
    return {
        name: value.at(now) if isinstance(value, Moment) else value
        for name, value in fields.items()
    }
