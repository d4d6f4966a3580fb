"""The team's 90 days, read in each of the ways that are compared."""

from contextlib import AsyncExitStack
from copy import copy
from datetime import date, datetime, time, timedelta
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

import msgspec
from history import LARGEST, SQL
from psycopg import AsyncConnection
from rounding import average, average_minutes, percent, rate, share

from ingest.figures import minutes_percentile
from ingest.store.corrections import AccountFigures, DayRow, EngineerRow, FlowRow, Pending
from ingest.store.database import Database
from ingest.store.kept import Kept, KeptPending
from ingest.store.reads import MOST_CHANGES_KEPT, MOST_KEPT, Reads

DAYS = 90
TOP = 10
OUTCOMES = ("resolved", "escalated", "workaround", "unresolved")
RATINGS = ("rating_1", "rating_2", "rating_3", "rating_4", "rating_5")
PERCENTILES = ("p50_duration_minutes", "p90_duration_minutes")
MOST_OFF = 1 / 64
"""How far from its percentiles the durations' histogram may be, before they are rounded."""


class TeamReads:
    """Connections to one database, and the largest account's window as it is today."""

    def __init__(self, url: str) -> None:
        self._url = url
        zone = ZoneInfo(LARGEST.time_zone)
        self._day_to = datetime.now(zone).date()
        self._day_from = self._day_to - timedelta(days=DAYS - 1)
        self._asked = {
            "account_id": LARGEST.account_id,
            "time_zone": LARGEST.time_zone,
            "day_from": self._day_from,
            "day_to": self._day_to,
            "since": datetime.combine(self._day_from, time(), zone),
            "until": datetime.combine(self._day_to + timedelta(days=1), time(), zone),
        }

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._database = Database(self._url, size=2)
            await self._database.open(wait=True)
            stack.push_async_callback(self._database.close)
            self._reads = Reads(self._database)
            # What was answered is not to be answered again without a look.
            self._cold = Reads(self._database, most_answers=0)
            self._warm = Reads(self._database, most_answers=0)
            # Without the readers' settings, which keep the planner to indexes: raw is read by
            # whatever it likes.
            self._analyst = await stack.enter_async_context(
                await AsyncConnection.connect(self._url, autocommit=True, prepare_threshold=0)
            )
            await self._analyst.execute("set timezone to 'UTC'")
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def live(self) -> AccountFigures:
        """The read that all of this is about: the store's part of `GET /analytics/team`."""
        return await self._read(self._reads)

    async def live_cold(self) -> AccountFigures:
        """The same by someone who knows what is stored, and of no pending session."""
        return await self._read(self._cold)

    async def know_nothing_pending(self) -> None:
        """Before `live_cold`: let it forget what it has read of pending sessions."""
        self._cold._pending = KeptPending(MOST_KEPT, MOST_CHANGES_KEPT)

    async def live_warm(self) -> AccountFigures:
        """The same by someone who read before the last change."""
        return await self._read(self._warm)

    async def read_before(self) -> None:
        """Read what `live_warm` is to have read, as often as it takes to learn what is pending."""
        for _ in range(20):
            await self._read(self._warm)
        self._kept_before = _apart(self._warm)

    async def know_what_was_read_before(self) -> None:
        """Before `live_warm`: let it forget what it has read after the last change."""
        vars(self._warm).update(vars(_apart(self._kept_before)))

    async def live_anew(self) -> AccountFigures:
        """The same by someone who has kept no answer."""
        return await self._read(Reads(self._database))

    async def _read(self, reads: Reads) -> AccountFigures:
        days = (self._day_from, self._day_to)
        found = await reads.account(LARGEST.account_id, lambda _: days, TOP)
        return found.figures

    async def ready(self) -> str:
        """A row by its key, over the connections of the live read."""
        async with self._database.reading(LARGEST.account_id) as connection:
            cursor = await connection.execute(SQL["read_ready_answer"], self._asked)
            return str(_only(await cursor.fetchone()))

    async def raw(self) -> str:
        """The same figures by hand, from raw."""
        cursor = await self._analyst.execute(SQL["raw_team"], self._asked)
        return str(_only(await cursor.fetchone()))

    async def raw_naively(self) -> str:
        """The same by hand, without thinking of how long it takes."""
        cursor = await self._analyst.execute(SQL["raw_team_naively"], self._asked)
        return str(_only(await cursor.fetchone()))

    async def keep_ready_answer(self) -> int:
        """Keep today's answer as a row, for `ready` to read; return its length."""
        body = msgspec.json.encode(msgspec.json.decode(await self.raw())).decode()
        # Several statements are none that could be prepared.
        await self._analyst.execute(SQL["create_ready_answers"], prepare=False)
        await self._analyst.execute(SQL["show_ready_answers"])
        await self._analyst.execute(SQL["keep_ready_answer"], self._asked | {"body": body})
        return len(body)

    async def check(self) -> None:
        """Stop here unless the live read says what raw says: a wrong answer can be quick."""
        right = msgspec.json.decode(await self.raw())
        percentiles = [right["summary"].pop(name) for name in PERCENTILES]
        for read in (self.live, self.live_cold, self.live_warm, self.live_anew):
            answer = self._answer(await read())
            found = [answer["summary"].pop(name) for name in PERCENTILES]
            wrong = [part for part in right if answer[part] != right[part]]
            if not all(map(_is_near, found, percentiles)):
                wrong.append("percentiles")
            if wrong:
                raise RuntimeError(f"the live read is wrong about {', '.join(wrong)}")

    async def pending(self) -> int:
        """How many sessions of the account have changed since the last refresh."""
        cursor = await self._analyst.execute(SQL["count_pending"], self._asked)
        return int(_only(await cursor.fetchone()))

    async def index_raw(self) -> None:
        """Give raw what a query by hand would want of it."""
        await self._analyst.execute(SQL["index_raw_for_windows"])
        await self._analyst.execute(SQL["index_raw_for_rating_days"])

    async def vacuum(self) -> None:
        """Tidy up after writers."""
        await self._analyst.execute("vacuum (analyze)")

    def _answer(self, figures: AccountFigures) -> dict[str, Any]:
        """The figures as the API answers with them."""
        days = {day.day: day for day in figures.days}
        sessions = sum(day.sessions for day in figures.days)
        completed = sum(day.completed for day in figures.days)
        ratings = sum(day.ratings for day in figures.days)
        answer: dict[str, Any] = msgspec.to_builtins(
            {
                "summary": {
                    "total_sessions": sessions,
                    "completed_sessions": completed,
                    "completion_rate": rate(completed, sessions),
                    "avg_duration_minutes": average_minutes(
                        sum(day.duration_microseconds for day in figures.days), completed
                    ),
                    "outcome_breakdown": {
                        outcome: sum(getattr(day, outcome) for day in figures.days)
                        for outcome in OUTCOMES
                    },
                    "p50_duration_minutes": minutes_percentile(figures.durations, 5),
                    "p90_duration_minutes": minutes_percentile(figures.durations, 9),
                    "response_rate": share(sum(day.rated for day in figures.days), completed),
                    "total_ratings": ratings,
                    "avg_csat": average(sum(day.rating_points for day in figures.days), ratings),
                    "csat_percent": percent(
                        sum(day.rating_4 + day.rating_5 for day in figures.days), ratings
                    ),
                    "csat_distribution": {
                        rating: sum(getattr(day, rating) for day in figures.days)
                        for rating in RATINGS
                    },
                    "active_engineers": figures.active_engineers,
                },
                "time_series": [
                    _day(date.fromordinal(number), days)
                    for number in range(self._day_from.toordinal(), self._day_to.toordinal() + 1)
                ],
                "top_flows": [
                    {"tree_id": flow.flow_id}
                    | _worked(flow)
                    | {
                        "avg_csat": average(flow.rating_points, flow.ratings),
                        "ratings": flow.ratings,
                    }
                    for flow in figures.flows
                ],
                "top_engineers": [
                    {"user_id": engineer.user_id} | _worked(engineer)
                    for engineer in figures.engineers
                ],
            }
        )
        return answer


def _apart(kept: Any) -> Any:
    """Return a copy that stays as it is: of what is changed in place, and of nothing else."""
    if isinstance(kept, dict):
        return type(kept)((key, _apart(each)) for key, each in kept.items())
    if isinstance(kept, list):
        return list(kept)
    if isinstance(kept, Reads | Kept | KeptPending | Pending):
        other = copy(kept)
        vars(other).update({name: _apart(each) for name, each in vars(kept).items()})
        return other
    return kept


def _day(day: date, days: dict[date, DayRow]) -> dict[str, Any]:
    found = days.get(day) or DayRow(day)
    names = ("sessions", *OUTCOMES, "completed", "ratings")
    return {
        "date": day,
        "avg_csat": average(found.rating_points, found.ratings),
    } | {name: getattr(found, name) for name in names}


def _is_near(found: float | None, right: float | None) -> bool:
    if found is None or right is None:
        return found is right
    return abs(found - right) <= MOST_OFF * right + 0.1


def _worked(row: FlowRow | EngineerRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "sessions": row.sessions,
        "completion_rate": rate(row.completed, row.sessions),
        "avg_duration_minutes": average_minutes(row.duration_microseconds, row.completed),
    }


def _only(row: tuple[Any, ...] | None) -> Any:
    assert row is not None
    return row[0]
