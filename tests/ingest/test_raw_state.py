"""Raw state does not depend on the order, the repetition or the batching of events.

Random events go in once in order, in one batch, and once shuffled, repeated and cut into
batches. Both have to leave the same rows, and the rows that the rules spelled out in plain
Python below ask for: two paths through the same wrong statement would agree with each other.
"""

import asyncio
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import dict_row
from raw_oracle import NIL, Happened, Rows, facts_by_session, in_order, rows_of, wire, zone_of

from ingest.events import Sender, take
from ingest.settings import Settings
from ingest.store.database import Database
from ingest.store.statements import SQL

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)

# As few of everything as makes events meet: ties in time are decided by the event's id.
USERS = [UUID(int=10), UUID(int=20), UUID(int=30)]
FLOWS = [UUID(int=40), UUID(int=50)]
SESSIONS = [UUID(int=60), UUID(int=70)]
STEPS = ["check-cable", "Étape 2"]
MOMENTS = [NOW - timedelta(hours=hours, microseconds=hours) for hours in (1, 2, 26)]
ZONES = ["UTC", "Europe/Berlin", "Pacific/Kiritimati"]
OUTCOMES = ["resolved", "escalated", "workaround", "unresolved"]
TITLES = ["Old", "New"]

EXAMPLES = int(os.environ.get("UPSHOT_EXAMPLES", "60"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    # A run of the suite says the same every time; a soak looks for what it did not try yet.
    derandomize="UPSHOT_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Delivery(NamedTuple):
    """Some events, and a way they may come in: any order, some of them again, in batches."""

    events: list[Happened]
    batches: list[list[Happened]]


# --- random events and deliveries ----------------------------------------------------------------


_user = st.sampled_from(USERS)
_flow = st.sampled_from(FLOWS)
# One of them more often: many events about little say more than few about much.
_session = st.sampled_from([*SESSIONS, *SESSIONS[:1]])
_step = st.sampled_from(STEPS)
_moment = st.sampled_from(MOMENTS)
_title = st.sampled_from(TITLES)
_steps = st.lists(
    st.fixed_dictionaries({"step_id": _step, "title": _title, "position": st.integers(0, 2)}),
    max_size=3,
    unique_by=lambda step: step["step_id"],
)

Fields = dict[str, st.SearchStrategy[Any]]

# A session that is started again with another user is moved.
BUILDING: dict[str, Fields] = {
    "account.upserted": {"name": _title, "time_zone": st.sampled_from(ZONES)},
    "user.upserted": {
        "user_id": _user,
        "name": _title,
        "role": st.sampled_from(["engineer", "team_admin"]),
    },
    "flow.upserted": {"flow_id": _flow, "name": _title, "steps": _steps},
    "session.started": {
        "session_id": _session,
        "flow_id": _flow,
        "user_id": _user,
        "started_at?": _moment,
    },
    "step.visited": {
        "session_id": _session,
        "step_id": _step,
        "visited_at?": _moment,
        "user_id?": _user,
    },
    "session.completed": {
        "session_id": _session,
        "outcome?": st.sampled_from([*OUTCOMES, None]),
        "completed_at?": _moment,
        "user_id?": _user,
    },
    "session.rated": {
        "session_id": _session,
        "rating": st.integers(1, 5),
        "comment?": st.sampled_from(["", "Quick. 👍", None]),
        "user_id?": _user,
    },
    "step.feedback": {
        "session_id": _session,
        "step_id": _step,
        "was_helpful": st.sampled_from([True, False, None]),
        "user_id?": st.sampled_from([*USERS, *USERS, None]),
    },
}
ERASING: dict[str, Fields] = {
    "user.erased": {"user_id": _user},
    "session.deleted": {"session_id": _session},
}

Made = tuple[str, datetime, dict[str, Any]]


def made(kinds: dict[str, Fields], *, least: int, most: int) -> st.SearchStrategy[list[Made]]:
    """Events of these kinds, without ids; a field whose name ends in `?` may be left out."""
    each = [
        st.tuples(
            st.just(kind),
            st.sampled_from(MOMENTS),
            st.fixed_dictionaries(
                {name: value for name, value in fields.items() if not name.endswith("?")},
                optional={
                    name.removesuffix("?"): value
                    for name, value in fields.items()
                    if name.endswith("?")
                },
            ),
        )
        for kind, fields in kinds.items()
    ]
    return st.lists(st.one_of(each), min_size=least, max_size=most)


@st.composite
def histories(draw: st.DrawFn, *kinds: str) -> list[Happened]:
    """Many events of a few kinds, so that they meet; few erasures, so that something is left."""
    kinds = kinds or tuple(draw(st.sets(st.sampled_from(list(BUILDING)), min_size=1, max_size=3)))
    building = {kind: BUILDING[kind] for kind in sorted(kinds)}
    # Left alone, a list is too short for events to meet.
    events = draw(made(building, least=draw(st.sampled_from([1, 8, 16])), most=24))
    events += draw(made(ERASING, least=draw(st.sampled_from([0, 1, 2])), most=2))
    events = draw(st.permutations(events))
    # Ids from the whole range: PostgreSQL has to order them as Python does.
    order = draw(st.permutations(range(len(events))))
    return [
        Happened(*event, id=UUID(int=(place + 1) * (2**128 // 64)))
        for event, place in zip(events, order, strict=True)
    ]


@st.composite
def deliveries(draw: st.DrawFn, *kinds: str) -> Delivery:
    events = draw(histories(*kinds))
    coming = draw(st.permutations(events + draw(st.lists(st.sampled_from(events), max_size=8))))
    # Erasures first, anywhere or last: by chance alone they rarely meet what they erase.
    place = draw(st.sampled_from([-1, 0, 1]))
    coming.sort(key=lambda event: place if event.type in ERASING else 0)
    batches: list[list[Happened]] = [[]]
    for event in coming:
        if batches[-1] and draw(st.sampled_from([False, False, True])):
            batches.append([])
        batches[-1].append(event)
    return Delivery(events, batches)


# --- the real thing ------------------------------------------------------------------------------


class Warehouse:
    """A real database behind the way every event takes: bytes, judgement, one transaction."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.Runner()
        self._database = Database(url, size=1)
        self._loop.run(self._database.open())
        self._reader = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        self._reader.execute("set time zone 'UTC'")
        self._reads = {
            row["table_name"]: sql.SQL("select * from raw.{} where account_id = %s").format(
                sql.Identifier(row["table_name"])
            )
            for row in self._reader.execute(
                "select table_name from information_schema.tables where table_schema = 'raw'"
            )
        }

    def close(self) -> None:
        self._reader.close()
        self._loop.run(self._database.close())
        self._loop.close()

    def send(self, account_id: UUID, batch: Sequence[Happened], now: datetime) -> list[str]:
        """Take a batch in; return the result of each item."""
        items = [msgspec.json.encode(wire(event, account_id)) for event in batch]
        sender = Sender(account_id=account_id)
        answer = self._loop.run(take(self._database, self._settings, sender, items, now=now))
        # Not a difference in the rows: a statement that cannot be carried out is no control.
        if answer.counts.retry:
            raise RuntimeError(answer.items)
        return [item.result for item in answer.items]

    def rows(self, account_id: UUID) -> Rows:
        """Return every raw table but the change log, without what may differ."""
        rows = {
            table: [
                {
                    column: value
                    for column, value in row.items()
                    if column not in {"account_id", "payload_hash"}
                    and not column.endswith("received_at")
                }
                for row in self._reader.execute(read, [account_id])
            ]
            for table, read in self._reads.items()
            if table != "changes"
        }
        return in_order(rows)

    def changes(self, account_id: UUID) -> dict[datetime, list[UUID | None]]:
        """Return what was logged, by the time of its writing."""
        logged: dict[datetime, list[UUID | None]] = defaultdict(list)
        for row in self._reader.execute(self._reads["changes"], [account_id]):
            logged[row["received_at"]].append(row["session_id"])
        return logged


@pytest.fixture(scope="module")
def warehouse(new_database: Callable[[], str], base_settings: Settings) -> Iterator[Warehouse]:
    made = Warehouse(new_database(), base_settings)
    yield made
    made.close()


def check_delivery(warehouse: Warehouse, delivery: Delivery) -> None:
    """Assert that the delivery leaves the rows it has to, in an account of its own.

    And that each batch logged the sessions it changed, once, and no session it does not name; nil
    for a name that changed.
    """
    account_id = uuid4()
    came: list[Happened] = []
    before = rows_of(came)
    expected_log: dict[datetime, tuple[set[UUID | None], set[UUID | None]]] = {}
    for number, batch in enumerate(delivery.batches):
        now = NOW + timedelta(seconds=number)
        known = {event.id for event in came}
        results = warehouse.send(account_id, batch, now)
        fresh = list({event.id: event for event in batch if event.id not in known}.values())
        assert results.count("created") == len(fresh)
        assert results.count("duplicate") == len(batch) - len(fresh)
        came += fresh
        after = rows_of(came)
        expected_log[now] = _expected_changes(before, after, fresh)
        before = after

    assert warehouse.rows(account_id) == before
    logged = warehouse.changes(account_id)
    for now, (least, most) in expected_log.items():
        assert len(logged[now]) == len(set(logged[now]))
        assert least <= set(logged[now]) <= most


def _expected_changes(
    before: Rows, after: Rows, fresh: Sequence[Happened]
) -> tuple[set[UUID | None], set[UUID | None]]:
    """Return the changes that have to be logged, and those that may be."""
    had, has = facts_by_session(before), facts_by_session(after)
    least: set[UUID | None] = {
        session_id for session_id in had | has if had.get(session_id) != has.get(session_id)
    }
    if zone_of(before) != zone_of(after):
        least.add(None)
    if any(
        before.get(table) != after.get(table)
        for table in ("accounts", "users", "flows", "flow_steps")
    ):
        least.add(NIL)
    named = {event.data["session_id"] for event in fresh if "session_id" in event.data}
    if len(named) < len(fresh):
        named.add(NIL)
    return least, least | named


def check_both_ways(warehouse: Warehouse, delivery: Delivery) -> None:
    check_delivery(warehouse, Delivery(delivery.events, [delivery.events]))
    check_delivery(warehouse, delivery)


# Each kind also alone with the erasures: among all kinds the rarer meetings are too rare.
@pytest.mark.parametrize("kind", ["any", *BUILDING])
@SETTINGS
@given(data=st.data())
def test_raw_state_does_not_depend_on_order_repetition_or_batches(
    warehouse: Warehouse, kind: str, data: st.DataObject
) -> None:
    check_both_ways(warehouse, data.draw(deliveries(*([] if kind == "any" else [kind]))))


def test_a_write_without_its_log_entry_is_undone(
    new_database: Callable[[], str], base_settings: Settings
) -> None:
    """The log entry is written in the transaction of what it tells of, or neither is."""
    url, account_id = new_database(), uuid4()
    events = [
        Happened("session.deleted", NOW, {"session_id": session_id}, uuid4())
        for session_id in SESSIONS
    ]
    with psycopg.connect(url, autocommit=True) as owner:
        refuse = sql.SQL("alter table raw.changes add constraint refuse check (session_id <> {})")
        owner.execute(refuse.format(SESSIONS[0]))
        with closing(Warehouse(url, base_settings)) as warehouse:
            with pytest.raises(RuntimeError, match="could not take this event"):
                warehouse.send(account_id, events, NOW)
            assert warehouse.rows(account_id) == rows_of(events[1:])
            assert warehouse.changes(account_id) == {NOW: SESSIONS[1:]}

            owner.execute("alter table raw.changes drop constraint refuse")
            assert warehouse.send(account_id, events, NOW) == ["created", "duplicate"]
            assert warehouse.rows(account_id) == rows_of(events)


# --- that the test above can fail ----------------------------------------------------------------

LATEST = "( excluded.occurred_at, excluded.event_id ) > ( stored.occurred_at, stored.event_id )"
LATEST_WINS = {
    "upsert_accounts": "account.upserted",
    "upsert_users": "user.upserted",
    "upsert_flows": "flow.upserted",
    "upsert_flow_steps": "flow.upserted",
    "upsert_step_visits": "step.visited",
    "upsert_step_feedback": "step.feedback",
}
NEWEST = "item.occurred_at desc, item.event_id desc"
STARTS, STARTED = "upsert_session_starts", "session.started"
COMPLETIONS, COMPLETED = "upsert_session_completions", "session.completed"


class Control(NamedTuple):
    """A wrong way of doing it, and the kind of event that brings it to light."""

    kind: str
    statement: str
    right: str
    wrong: str


@pytest.mark.parametrize(
    "control",
    [
        # Whichever comes in last stands.
        *(Control(kind, name, LATEST, "true") for name, kind in LATEST_WINS.items()),
        Control(STARTED, STARTS, "stored.started_event_id is null", "true"),
        Control(COMPLETED, COMPLETIONS, "stored.completed_event_id is null", "true"),
        # Of events at the same moment the one that comes in first stands.
        *(
            Control(kind, name, LATEST, "excluded.occurred_at > stored.occurred_at")
            for name, kind in LATEST_WINS.items()
        ),
        # Of several in a batch any one goes on to be compared with what is stored, or, of those
        # at the same moment, the wrong one.
        *(
            Control(kind, name, NEWEST, wrong)
            for name, kind in {**LATEST_WINS, STARTS: STARTED, COMPLETIONS: COMPLETED}.items()
            for wrong in ("item.occurred_at asc", "item.occurred_at desc, item.event_id asc")
        ),
        # The same in any order, and wrong: only the rules in plain Python can tell.
        Control("session.rated", "upsert_session_ratings", "< ( stored.", "> (stored."),
        Control(COMPLETED, COMPLETIONS, "item.outcome,", "'resolved',"),
        # Erasures that are not final, or miss something.
        Control(STARTED, "read_tombstones", "account_id = %(account_id)s", "false"),
        Control(STARTED, "sessions_of_users", "named_user_ids &&", "array[user_id] &&"),
        Control(STARTED, "sessions_of_users", "user_id = any(%(user_ids)s)", "false"),
        Control(
            STARTED, "name_session_users", ", excluded.named_user_ids", ", stored.named_user_ids"
        ),
        Control(STARTED, "name_session_users", "or not known.", "or known."),
        Control(
            "session.rated",
            "name_session_users",
            "array_agg(distinct item.user_id order by item.user_id)",
            "array[%(account_id)s::uuid]",
        ),
        Control("user.upserted", "delete_users", "raw.users where", "raw.users where false and"),
        Control("step.feedback", "delete_users", "user_id <>", "false and user_id <>"),
        Control("step.visited", "delete_sessions", "visits where", "visits where false and"),
        # Changes that the log does not tell of.
        Control(STARTED, "log_changes", "%(received_at)s", "%(received_at)s limit 1"),
        Control(
            "step.feedback", "delete_users", "returning session_id", "returning gen_random_uuid()"
        ),
        Control("account.upserted", "read_account_version", "time_zone", "'UTC'"),
    ],
    ids=lambda control: f"{control.statement}: {control.wrong}",
)
def test_a_wrong_statement_is_found(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, control: Control
) -> None:
    # However the statement is laid out.
    pattern = r"\s*".join(re.escape(word) for word in control.right.split())
    broken, count = re.subn(pattern, control.wrong, SQL[control.statement].decode())
    assert count == 1
    monkeypatch.setitem(SQL, control.statement, broken.encode())

    def is_caught(delivery: Delivery) -> bool:
        try:
            check_delivery(warehouse, delivery)
        except AssertionError:
            return True
        return False

    find(
        deliveries(control.kind),
        is_caught,
        settings=settings(SETTINGS, max_examples=1000, phases=[Phase.generate]),
        random=Random(6),
    )
