"""Figures are exact, always: whatever happens, in whatever order, refreshed or not.

Random stories of events, calls and refreshes in two accounts of the same sessions, users and flows.
After every step each live model has to be what a computation from all of raw gives, and the API's
answers what plain Python makes of the events.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode
from uuid import UUID, uuid4

import msgspec
import pytest
from conftest import Api, Serve, with_changes
from dbt_runs import Dbt
from event_oracle import EventOracle, comparable
from exactness import compare, snapshot
from figure_oracle import Answer
from hypothesis import HealthCheck, Phase, find, given, settings
from incident_oracle import Window
from live_marts import LiveMarts, script_of_refresh
from parsed_project import ParsedProject
from raw_http import Answer as HttpAnswer
from raw_http import Client, request
from raw_oracle import Rows
from stories import (
    FLOWS,
    NOBODY,
    PERIODS,
    SESSIONS,
    USERS,
    Ago,
    Asked,
    Called,
    Posted,
    Refreshed,
    Step,
    Story,
    Told,
    stories,
)
from writing_account import Account

from ingest.settings import Settings

T = TypeVar("T")

EXAMPLES = int(os.environ.get("UPSHOT_EXAMPLES", "12"))
MOST_AT_ONCE = 1_000
PARTS = [min(MOST_AT_ONCE, EXAMPLES - told) for told in range(0, EXAMPLES, MOST_AT_ONCE)]
"""How many stories each test tells, so that several processes can tell as many as a soak wants."""
SETTINGS = settings(
    deadline=None,
    # A run of the suite tells the same every time; a soak looks for what it did not try yet.
    derandomize="UPSHOT_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

in_parts = pytest.mark.parametrize(
    "examples", PARTS, ids=[f"{part} of {len(PARTS)}" for part in range(1, len(PARTS) + 1)]
)

ENGINEERS, FLOWS_AND_NONE = [*USERS, NOBODY], [*FLOWS, NOBODY]
MARTS, ANSWERS = "marts", "answers"
EVERYTHING = frozenset({MARTS, ANSWERS})


class Inexact(AssertionError):
    """A figure is not what it has to be."""


class World(NamedTuple):
    """A database with live marts behind an API, and what was done and compared there."""

    api: Api
    marts: LiveMarts
    done: Counter[str]


@pytest.fixture(scope="module")
def world(
    new_warehouse: Callable[[], str],
    serve_module: Serve,
    base_settings: Settings,
    parsed_project: ParsedProject,
    request: pytest.FixtureRequest,
) -> Iterator[World]:
    url = new_warehouse()
    settings = with_changes(base_settings, database_url=url)
    parsed_project.put(settings.home / "dbt" / "target", url)
    dbt = Dbt(url, settings.home / "dbt")
    marts = LiveMarts(url, dbt, script_of_refresh(dbt, url))
    made = World(Api(serve_module(settings), settings), marts, Counter())
    yield made
    marts.close()
    counts = ", ".join(f"{count:,} {what}" for what, count in sorted(made.done.items()))
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        sys.stderr.write(f"\n{__name__}: {counts}\n")


# --- a story is told -----------------------------------------------------------------------------


class Telling:
    """Makes a story happen to two accounts of a world, and compares after every step."""

    def __init__(
        self, world: World, story: Story, checks: frozenset[str], *, by_dbt: bool = False
    ) -> None:
        self._world = world
        self._story = story
        self._checks = checks
        self._by_dbt = by_dbt
        self._now = datetime.now(UTC)
        self._accounts = [Account(_of_another_account(world.api), self._now) for _ in range(2)]
        self._expected = [Expected(account.rows) for account in self._accounts]
        self._chance = Random(story.chance)

    def tell(self) -> None:
        for step in self._story.steps:
            if isinstance(step, Refreshed):
                self.refresh(step)
            else:
                self.write(step)
                self._compare()
        self.refresh(Refreshed(), at_length=True)
        self._world.done["stories"] += 1

    def write(self, step: Posted | Called) -> None:
        account = self._accounts[step.account]
        if isinstance(step, Posted):
            account.post(step.events)
            self._world.done["batches"] += 1
        elif account.call(step.kind, step.data):
            self._world.done["calls that changed something"] += 1
        else:
            self._world.done["calls that changed nothing"] += 1

    def refresh(self, step: Refreshed, *, at_length: bool = False) -> None:
        refreshed = [account.rows for account in self._accounts]
        if step.meanwhile is None and self._by_dbt:
            self._world.marts.refresh()
            self._world.done["refreshes by dbt"] += 1
        else:
            with self._world.marts.refreshing(step.after):
                if step.meanwhile is not None:
                    self.write(step.meanwhile)
                    self._compare()
        for account, rows in zip(self._accounts, refreshed, strict=True):
            account.as_refreshed = rows
        self._world.done["refreshes"] += 1
        self._compare(is_settled=step.meanwhile is None, at_length=at_length)

    def _compare(self, *, is_settled: bool = False, at_length: bool = False) -> None:
        if MARTS in self._checks:
            self._compare_marts()
        if ANSWERS in self._checks:
            for account, expected in zip(self._accounts, self._expecting(), strict=True):
                asking = Asking(self._world, account, expected, self._now, is_settled=is_settled)
                some = list(self._questions(self._choose(self._story.windows)))
                if at_length:
                    asking.compare(list(self._all_questions()))
                # Where nothing is pending, again: from then on the answer is kept.
                asking.compare([each for each in some for _ in range(2 if is_settled else 1)])

    def _expecting(self) -> list["Expected"]:
        """Return what to expect of each account; of one that is as it was, what was reckoned."""
        self._expected = [
            expected if expected.rows is account.rows else Expected(account.rows)
            for account, expected in zip(self._accounts, self._expected, strict=True)
        ]
        return self._expected

    def _compare_marts(self) -> None:
        differing = self._world.marts.differences(
            [account.api.account_id for account in self._accounts]
        )
        self._world.done["comparisons of all marts"] += 1
        if differing:
            raise Inexact(differing)

    def _questions(self, window: Asked) -> Iterator["Question"]:
        """Return what to ask of a window, of whom chance names."""
        yield Question(window)
        yield Question(window, engineer=self._choose(ENGINEERS))
        yield Question(window, engineer=self._choose(ENGINEERS), is_own=True)
        yield Question(window, flow=self._choose(FLOWS_AND_NONE))

    def _all_questions(self) -> Iterator["Question"]:
        """Return what to ask of every window, about everybody and every flow."""
        for window in self._story.windows:
            yield Question(window)
            yield Question(window, engineer=self._choose(ENGINEERS), is_own=True)
            yield from (Question(window, engineer=engineer) for engineer in ENGINEERS)
            yield from (Question(window, flow=flow) for flow in FLOWS_AND_NONE)

    def _choose(self, among: Sequence[T]) -> T:
        return self._chance.choice(among)


class Question(NamedTuple):
    """A request to one of the three read endpoints."""

    window: Asked
    engineer: UUID | None = None
    is_own: bool = False
    flow: UUID | None = None

    def request(self, account: Account) -> bytes:
        params = self.window.query(account.now)
        role, user_id = "team_admin", None
        if self.flow is not None:
            path = f"flows/{self.flow}"
        elif self.is_own:
            path, role, user_id = "me", "engineer", self.engineer
        else:
            path = "team"
            params |= {"engineer_id": str(self.engineer)} if self.engineer else {}
        return request(
            "GET",
            f"/api/v1/analytics/{path}?{urlencode(params)}",
            headers={"Authorization": f"Bearer {account.api.token(role, user_id)}"},
        )

    def answered_by(self, oracle: EventOracle, window: Window) -> Answer | None:
        if self.flow is not None:
            return oracle.flow(self.flow, window)
        if self.is_own and self.engineer is not None:
            return oracle.me(self.engineer, window)
        return oracle.team(window, self.engineer)


class Expected:
    """What the API must answer for an account whose raw tables have these rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.oracle = EventOracle(rows)
        self._answers: dict[tuple[Question, Window], Answer | None] = {}

    def answer(self, question: Question, window: Window) -> Answer | None:
        """Return what is expected, reckoned once however often it is asked."""
        asked = (question, window)
        if asked not in self._answers:
            self._answers[asked] = question.answered_by(self.oracle, window)
        return self._answers[asked]


class Asking:
    """Asks the API about an account as it is now."""

    def __init__(
        self,
        world: World,
        account: Account,
        expected: Expected,
        now: datetime,
        *,
        is_settled: bool,
    ) -> None:
        self._world = world
        self._account = account
        self._now = now
        self._is_settled = is_settled
        self._expected = expected
        self._changed = account.changed_sessions()

    def compare(self, questions: Sequence[Question]) -> None:
        """Ask each; they are sent together, and answered one after the other."""
        requests = b"".join(question.request(self._account) for question in questions)
        client = Client(self._world.api.url)
        answers = client.exchange(requests)
        # A connection that nobody uses for some seconds is closed.
        client.hang_up()
        for question, answer in zip(questions, answers, strict=True):
            self._judge(question, answer)

    def _judge(self, question: Question, answer: HttpAnswer) -> None:
        self._world.done["answers compared"] += 1
        if answer.status == 404:
            window = question.window.days(self._now, self._expected.oracle.day(self._now))
            found, expected = None, self._expected.answer(question, window)
        else:
            assert answer.status == 200, answer.body
            found, expected = self._read(question, msgspec.json.decode(answer.body))
        if found != expected:
            raise Inexact(f"{question}: {found} instead of {expected}")

    def _read(self, question: Question, body: Answer) -> tuple[Answer, Answer | None]:
        """Return the figures, and those that it has to have."""
        meta = body["meta"]
        # Today is the database's.
        today = self._expected.oracle.day(datetime.fromisoformat(meta["as_of"]))
        window = question.window.days(self._now, today)
        shown = {"from": window.first.isoformat(), "to": window.last.isoformat()}
        assert shown | {"period": question.window.period} == meta["window"]
        assert self._expected.oracle.zone == meta["time_zone"]
        assert (today.isoformat() if today in window else None) == meta["partial_day"]
        if meta["pending"] < self._changed:
            raise Inexact(f"{question}: only {meta['pending']} sessions are pending")
        if self._is_settled and meta["pending"]:
            raise Inexact(f"{question}: {meta['pending']} sessions are pending after a refresh")
        return comparable(body), self._expected.answer(question, window)


def _of_another_account(api: Api) -> Api:
    """Return the same API, over the same connections, for an account of a story's own."""
    other = copy(api)
    other.account_id = uuid4()
    return other


@in_parts
def test_figures_are_exact_always(world: World, examples: int) -> None:
    @settings(SETTINGS, max_examples=examples)
    @given(story=stories())
    def every_figure_is_exact(story: Story) -> None:
        Telling(world, story, EVERYTHING).tell()

    every_figure_is_exact()
    with snapshot(world.marts.url) as connection:
        assert compare(connection).wrong == []


@in_parts
def test_figures_are_exact_when_dbt_itself_refreshes(world: World, examples: int) -> None:
    """It runs the same statements, and takes twenty times as long to get there."""

    @settings(SETTINGS, max_examples=max(3, examples // 20))
    @given(story=stories())
    def every_figure_is_exact(story: Story) -> None:
        Telling(world, story, EVERYTHING, by_dbt=True).tell()

    every_figure_is_exact()
    with snapshot(world.marts.url) as connection:
        assert compare(connection).wrong == []


NAMING = {
    "account.upserted", "user.upserted", "flow.upserted", "user.erased",
    "account", "user", "flow", "erase",
}  # fmt: skip


def of_one_version(story: Story) -> Story:
    """Return the first account's part, refreshed early on and nothing named later: all is kept."""
    first, *rest = story.steps
    steps: list[Step] = [first, Refreshed()]
    for step in rest:
        if isinstance(step, Refreshed) or step.account != 0:
            continue
        if isinstance(step, Called):
            steps += [] if step.kind in NAMING else [step]
        else:
            # One by one, so that sessions change again and again.
            told = [each for each in step.events if each.type not in NAMING]
            steps += [step._replace(events=(each,)) for each in told]
    return story._replace(steps=steps)


@in_parts
def test_figures_are_exact_while_what_is_pending_is_kept(world: World, examples: int) -> None:
    @settings(SETTINGS, max_examples=examples)
    @given(story=stories(most=16).map(of_one_version))
    def every_answer_is_exact(story: Story) -> None:
        Telling(world, story, frozenset({ANSWERS})).tell()

    every_answer_is_exact()


def test_what_is_written_after_the_log_was_noted_is_counted_once(world: World) -> None:
    """Of an account of which nothing was noted: its readers keep what they have."""
    data = {"session_id": SESSIONS[0], "flow_id": FLOWS[0], "user_id": USERS[0]}
    started = (Told("session.started", Ago(timedelta(hours=5)), data, uuid4()),)
    story = Story([], [Asked(period) for period in PERIODS], chance=0)
    script = world.marts.script
    noted = [each.startswith("create temporary table claimed_changes ") for each in script]
    for place in range(noted.index(True) + 1, len(script) + 1, 8):
        telling = Telling(world, story, frozenset({ANSWERS}))
        # So that there is a version of what is stored of the account: nothing.
        telling.write(Called(0, "account", {"name": "Ada", "time_zone": "UTC"}))
        telling.refresh(Refreshed())
        telling.write(Posted(1, started))
        telling.refresh(Refreshed(Posted(0, started), place / len(script)), at_length=True)


# --- that the tests above can fail ----------------------------------------------------------------

Break = Callable[[LiveMarts], AbstractContextManager[None]]


def statement(right: str, wrong: str) -> Break:
    """Refresh with a statement in which something else stands."""

    @contextmanager
    def broken(marts: LiveMarts) -> Iterator[None]:
        script = marts.script
        assert sum(right in each for each in script) == 1, right
        marts.script = [each.replace(right, wrong) for each in script]
        try:
            yield
        finally:
            marts.script = script

    return broken


def without_publishing(model: str) -> Break:
    """Refresh everything but what is stored of one model."""

    @contextmanager
    def broken(marts: LiveMarts) -> Iterator[None]:
        script = marts.script
        stored = f"live.{model}__stored"
        writes = (f"insert into {stored}", f"delete from {stored}")
        marts.script = [each for each in script if not each.startswith(writes)]
        assert len(script) - len(marts.script) == 2
        try:
            yield
        finally:
            marts.script = script

    return broken


def noting_at_the_end() -> Break:
    """Refresh what is pending, then take as done whatever is in the log by then."""

    @contextmanager
    def broken(marts: LiveMarts) -> Iterator[None]:
        script = marts.script
        note = next(each for each in script if each.startswith("create temporary table claimed_"))
        _, _, what_is_there = note.partition(" as ")
        taken = next(each for each in script if "insert into live.accounts" in each)
        place = script.index(taken)
        marts.script = [
            *script[:place],
            "delete from claimed_changes",
            f"insert into claimed_changes {what_is_there}",
            *script[place:],
        ]
        try:
            yield
        finally:
            marts.script = script

    return broken


def view(name: str, right: str, wrong: str) -> Break:
    """Serve by a view in which something else stands."""

    @contextmanager
    def broken(marts: LiveMarts) -> Iterator[None]:
        row = marts.owner.execute("select pg_get_viewdef(%s::regclass)", [name]).fetchone()
        assert row is not None
        before = row[0]
        assert right in before
        replace = f"create or replace view {name} as "
        marts.alter(replace + before.replace(right, wrong))
        try:
            yield
        finally:
            marts.alter(replace + before)

    return broken


WATERMARK = """
create or replace view live.pending_sessions as
select seen.account_id, seen.session_id
from (
    select account_id, session_id, started_received_at as received_at from raw.sessions
    union all
    select account_id, session_id, completed_received_at from raw.sessions
    union all
    select account_id, session_id, received_at from raw.step_visits
    union all
    select account_id, session_id, received_at from raw.session_ratings
    union all
    select account_id, session_id, received_at from raw.step_feedback
) as seen
left join live.accounts using (account_id)
where seen.received_at > coalesce(accounts.data_through, '-infinity')
group by seen.account_id, seen.session_id
"""


@contextmanager
def watermark(marts: LiveMarts) -> Iterator[None]:
    """Take for pending what raw received after what was last refreshed, whatever the log says."""
    with view("live.pending_sessions", "", "")(marts):
        marts.alter(WATERMARK)
        yield


LOSING = """
create function raw.lose() returns trigger language plpgsql as 'begin return null; end';
create trigger lose before insert on raw.changes for each row
when (new.session_id = '{}') execute function raw.lose()
"""


@contextmanager
def losing_log_rows(marts: LiveMarts) -> Iterator[None]:
    """Write no log rows of one session: the same again and again, so that it is found again."""
    marts.alter(LOSING.format(SESSIONS[0]))
    try:
        yield
    finally:
        marts.alter("drop trigger lose on raw.changes; drop function raw.lose")


CONTROLS: dict[str, Break] = {
    "a watermark instead of the log": watermark,
    "one log row of six is not written": losing_log_rows,
    "facts are not published with their sums": without_publishing("facts"),
    "flows are not published with the days": without_publishing("flow_rollups"),
    "votes are not published with the sessions": without_publishing("daily_step_feedback"),
    "a sum of ones is stored as a count": statement(
        "sum(sessions) as sessions", "count(*) as sessions"
    ),
    "a sum of ones is served as a count": view(
        "live.daily_outcomes__difference",
        "sum(facts.sessions) AS sessions",
        "count(*) AS sessions",
    ),
    "the log is emptied": statement(
        "where changes.account_id = claimed", "where true or changes.account_id = claimed"
    ),
    "the log is noted at the end": noting_at_the_end(),
    "answers are kept too long": statement("version = excluded.version", "version = known.version"),
}


# What makes the rarer ones come to light soon.
OFTEN = {
    "a watermark instead of the log": "session.deleted",
    "the log is emptied": "write meanwhile",
    "the log is noted at the end": "write meanwhile",
}
# The API reads no view of that mart, and the marts no kept answer.
BEYOND = {("a sum of ones is served as a count", ANSWERS), ("answers are kept too long", MARTS)}


@pytest.mark.parametrize(
    ("name", "check"),
    [pair for pair in product(CONTROLS, [MARTS, ANSWERS]) if pair not in BEYOND],
)
def test_an_inexact_way_is_found(world: World, name: str, check: str) -> None:
    def is_found(story: Story) -> bool:
        try:
            Telling(world, story, frozenset({check})).tell()
        except Inexact:
            return True
        return False

    try:
        with CONTROLS[name](world.marts):
            find(
                stories(often=OFTEN.get(name, "")),
                is_found,
                settings=settings(SETTINGS, max_examples=300, phases=[Phase.generate]),
                random=Random(6),
            )
    finally:
        world.marts.repair()
