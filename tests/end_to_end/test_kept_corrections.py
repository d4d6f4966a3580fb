"""What a process keeps of the pending sessions is what somebody who knows nothing reads."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, date, datetime, timedelta
from random import Random
from threading import Event, Lock, Thread
from typing import Any, Self
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec.structs import replace

from ingest.refresh import refresh
from ingest.settings import Settings
from ingest.store.corrections import AccountFigures, Pending, Seen, Totals, corrected
from ingest.store.database import Database
from ingest.store.reads import SESSIONS_PER_CHANGE, Moment, Reads, _row
from ingest.store.statements import SQL

Connection = psycopg.Connection[Any]

READERS = 6
STORED = 20
"""Sessions of each account that a refresh has taken in, all of them resolved."""

START = """
insert into raw.sessions (
    account_id, session_id, flow_id, user_id, started_at, started_event_id, started_occurred_at,
    started_received_at, outcome, completed_at, completed_event_id, completed_occurred_at,
    completed_received_at
)
values (
    %(account)s, %(session)s, %(account)s, %(user)s, now(), gen_random_uuid(), now(), now(),
    'resolved', now(), gen_random_uuid(), now(), now()
)
"""
CORRECT = """
update raw.sessions set outcome = %(outcome)s
where account_id = %(account)s and session_id = %(session)s
"""


class Account:
    """An account whose sessions are written by SQL, so that a test decides about the commits."""

    def __init__(self, connection: Connection) -> None:
        self.account_id, self.user_id = uuid4(), uuid4()
        self.sessions = [uuid4() for _ in range(STORED)]
        for session in self.sessions:
            self.start(connection, session)

    def start(self, connection: Connection, session: UUID) -> None:
        self._write(connection, START, session)

    def correct(self, connection: Connection, session: UUID, outcome: str = "escalated") -> None:
        self._write(connection, CORRECT, session, outcome=outcome)

    def _write(self, connection: Connection, text: str, session: UUID, **more: object) -> None:
        ids = {"account": self.account_id, "session": session, "user": self.user_id}
        with connection.transaction():
            connection.execute(text.encode(), ids | more)
            connection.execute(
                SQL["log_changes"],
                {
                    "account_id": self.account_id,
                    "session_ids": [session],
                    "received_at": datetime.now(UTC),
                },
            )


class World:
    """A database with live marts, and accounts that are stored there."""

    def __init__(self, settings: Settings) -> None:
        self.url = str(settings.database_url)
        with self.writer() as connection:
            self.accounts = [Account(connection) for _ in range(3)]
        refresh(settings, self.url)

    @contextmanager
    def writer(self) -> Iterator[Connection]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            yield connection

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        database = Database(self.url, size=8)
        await database.open(wait=True)
        try:
            yield database
        finally:
            await database.close()


@pytest.fixture(scope="module")
def settings(new_live_settings: Callable[[], Settings]) -> Settings:
    return new_live_settings()


@pytest.fixture
def world(settings: Settings) -> World:
    return World(settings)


def month(today: date) -> tuple[date, date]:
    return today - timedelta(days=29), today


def year(today: date) -> tuple[date, date]:
    return today - timedelta(days=364), today


def outcomes(figures: AccountFigures) -> tuple[int, int, int]:
    """Return how many sessions there are, how many resolved, and how many escalated."""
    sums = [(day.sessions, day.resolved, day.escalated) for day in figures.days]
    assert sum(flow.sessions for flow in figures.flows) == sum(day[0] for day in sums)
    assert sum(user.sessions for user in figures.engineers) == sum(day[0] for day in sums)
    return tuple(map(sum, zip(*sums, strict=True)))  # type: ignore[return-value]  # three of them


async def compare(reads: Reads, database: Database, account: Account) -> Moment:
    """Compare in every way of asking; return what one of the moments was."""
    for window in (month, year):
        for user_id in (None, account.user_id, uuid4()):
            found = await reads.account(account.account_id, window, 10, user_id=user_id)
            moment, kept = found.moment, found.figures
            found = await Reads(database).account(account.account_id, window, 10, user_id=user_id)
            other, anew = found.moment, found.figures
            assert (moment.state, moment.sessions) == (other.state, other.sessions)
            # Days are in no order.
            assert sorted(kept.days, key=str) == sorted(anew.days, key=str)
            assert (kept.flows, kept.engineers) == (anew.flows, anew.engineers)
            assert kept.active_engineers == anew.active_engineers
            # A bucket may be left with nothing in it.
            assert Counter(kept.durations) == Counter(anew.durations)
    return moment


async def read_while_sessions_change(world: World) -> tuple[int, int, int]:
    """Let a stored and a new session change again and again; read after each time."""
    async with world.database() as database:
        reads = Reads(database)
        account = world.accounts[0]
        with world.writer() as writer:
            new = uuid4()
            account.start(writer, new)
            assert (await compare(reads, database, account)).sessions == 1
            for outcome in ("escalated", "workaround", "escalated"):
                account.correct(writer, new, outcome)
                account.correct(writer, account.sessions[0], outcome)
                assert (await compare(reads, database, account)).sessions == 2
            figures = (await reads.account(account.account_id, month, 10)).figures
            return outcomes(figures)


def test_a_session_that_changes_again_is_read_again(world: World) -> None:
    assert asyncio.run(read_while_sessions_change(world)) == (STORED + 1, STORED - 1, 2)


async def read_between_commits(world: World) -> tuple[int, int, int]:
    """Read, let the earlier of two changes be committed after the later one, and read again."""
    async with world.database() as database:
        reads = Reads(database)
        account = world.accounts[0]
        with world.writer() as slow, world.writer() as quick:
            with slow.transaction():
                account.correct(slow, account.sessions[0])
                account.correct(quick, account.sessions[1])
                figures = (await reads.account(account.account_id, month, 10)).figures
                assert outcomes(figures) == (STORED, STORED - 1, 1)
            figures = (await reads.account(account.account_id, month, 10)).figures
            return outcomes(figures)


def test_a_change_that_is_committed_late_is_not_missed(world: World) -> None:
    assert asyncio.run(read_between_commits(world)) == (STORED, STORED - 2, 2)


UNKNOWN = b"change_id not in (select unnest(%(known)s::uuid[]))"
OF_UNKNOWN_SESSION = b"""
session_id not in (
    select known.session_id from raw.changes as known
    where known.change_id = any(%(known)s::uuid[])
)
"""
LATER = b"""
received_at > coalesce((
    select max(known.received_at) from raw.changes as known
    where known.change_id = any(%(known)s::uuid[])
), '-infinity')
"""


@pytest.fixture
def look_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Look for other log rows than those that are not known."""

    def instead(wrong: bytes) -> None:
        right = SQL["read_corrections"]
        assert UNKNOWN in right
        monkeypatch.setitem(SQL, "read_corrections", right.replace(UNKNOWN, wrong))

    return instead


def test_that_a_known_session_is_not_read_again_is_found(
    world: World, look_for: Callable[[bytes], None]
) -> None:
    look_for(OF_UNKNOWN_SESSION)
    with pytest.raises(AssertionError):
        asyncio.run(read_while_sessions_change(world))


def test_that_a_late_change_is_missed_is_found(
    world: World, look_for: Callable[[bytes], None]
) -> None:
    """Negative control: whoever looks for what is later than what he knows."""
    look_for(LATER)
    assert asyncio.run(read_between_commits(world)) != (STORED, STORED - 2, 2)


def test_of_two_readings_the_earlier_one_may_be_the_last_to_end(world: World) -> None:
    async def readings() -> list[Seen]:
        account = world.accounts[0]
        found = []
        async with (
            world.database() as database,
            database.reading(account.account_id) as connection,
        ):
            with world.writer() as writer:
                for session, outcome in ((0, "escalated"), (1, "escalated"), (0, "workaround")):
                    account.correct(writer, account.sessions[session], outcome)
                    parameters = {"account_id": account.account_id, "known": "{}"}
                    found.append(await _row(connection, "read_corrections", parameters, Seen))
        return found

    one, two, three = asyncio.run(readings())
    window = month(datetime.now(UTC).date() + timedelta(days=1))
    answers = []
    for order in ([three], [one, two, three], [three, one, two], [two, three, one]):
        pending = Pending(one.version)
        for seen in order:
            pending.learn(seen)
        assert (pending.state, pending.sessions) == ((three.version, three.changes), 2)
        [day] = corrected(Totals({}, {}, {}, {}), pending, window).days.values()
        answers.append((day.sessions, day.resolved, day.escalated, day.workaround))
    assert answers == [(0, -2, 1, 1)] * 4


def test_nothing_is_taken_over_to_another_version(world: World, settings: Settings) -> None:
    async def read() -> None:
        async with world.database() as database:
            reads = Reads(database)
            account = world.accounts[0]
            with world.writer() as writer:
                account.correct(writer, account.sessions[0])
                assert (await compare(reads, database, account)).sessions == 1
                await asyncio.to_thread(refresh, settings, world.url)
                assert (await compare(reads, database, account)).sessions == 0
                account.correct(writer, account.sessions[0], "resolved")
                assert (await compare(reads, database, account)).sessions == 1

    asyncio.run(read())


def test_what_has_no_room_is_read_again(world: World) -> None:
    async def read() -> None:
        async with world.database() as database:
            reads = Reads(database, most_answers=1, most_changes=5)
            chance = Random(1)
            with world.writer() as writer:
                for _ in range(20):
                    account = chance.choice(world.accounts)
                    account.correct(
                        writer,
                        chance.choice(account.sessions),
                        chance.choice(["escalated", "resolved"]),
                    )
                    await compare(reads, database, chance.choice(world.accounts))

    asyncio.run(read())


def test_who_computes_all_again_and_again_learns_in_the_end() -> None:
    now = datetime.now(UTC)
    moment = Moment(
        as_of=now,
        time_zone="UTC",
        today=now.date(),
        version=uuid4(),
        data_through=now,
        changes=1_000,
        is_all=False,
        is_renamed=False,
        stored_sessions=1_000 * SESSIONS_PER_CHANGE // 3,
    )
    pending = Pending(moment.version)
    times = 0
    while moment.is_too_much_for(pending):
        times += 1
        pending.spent += moment.stored_sessions
    assert times == 3
    assert replace(moment, is_all=True).is_too_much_for(pending)


class Writers:
    """Each transaction starts a session, resolved, and escalates one that was resolved."""

    def __init__(self, world: World, account: Account, most: int) -> None:
        self._world = world
        self.answers = 0
        """How many were read meanwhile."""
        self._account = account
        self._ended, self._turn = Event(), Lock()
        share = most // 4
        self._threads = [
            Thread(target=self._write, args=[account.sessions[first : first + share], first])
            for first in range(0, most, share)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    @property
    def are_done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _write(self, sessions: list[UUID], seed: int) -> None:
        chance = Random(seed)
        with self._world.writer() as connection:
            for session in sessions:
                with ExitStack() as commit, connection.transaction():
                    self._account.start(connection, uuid4())
                    self._ended.wait(chance.random() / 20)
                    self._account.correct(connection, session)
                    commit.enter_context(self._in_turn())

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Commit, and let nobody else commit until somebody has asked and been answered."""
        with self._turn:
            yield
            # Of so many more, one was asked for later than this.
            enough = self.answers + READERS + 1
            while self.answers < enough and not self._ended.wait(0.001):
                pass


def test_every_answer_is_of_one_moment_while_others_read_and_write(world: World) -> None:
    """As many log rows as the moment has, so many changes the figures have."""
    account = world.accounts[0]
    seen: set[int] = set()

    async def read(reads: Reads, writers: Writers, number: int) -> None:
        window = (month, year)[number % 2]
        user_id = account.user_id if number % 3 == 0 else None
        is_last = False
        while not is_last:
            is_last = writers.are_done
            found = await reads.account(account.account_id, window, 10, user_id=user_id)
            moment, figures = found.moment, found.figures
            done, rest = divmod(moment.changes, 2)
            assert rest == 0
            assert outcomes(figures) == (STORED + done, STORED, done)
            assert moment.sessions == 2 * done
            seen.add(done)
            writers.answers += 1

    async def read_all() -> None:
        async with world.database() as database:
            reads = Reads(database)
            with Writers(world, account, STORED) as writers:
                await asyncio.gather(*(read(reads, writers, number) for number in range(READERS)))

    asyncio.run(read_all())
    assert STORED in seen
    assert len(seen) > STORED // 2
