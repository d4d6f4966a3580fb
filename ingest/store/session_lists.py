"""The sessions behind the figures, one by one."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Literal, cast
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from ingest.paging import Position
from ingest.privacy import Viewer
from ingest.store.calendar import Calendar, read_calendar
from ingest.store.database import Connection, Database
from ingest.store.statements import SQL


class SessionFilters(Struct, frozen=True, kw_only=True):
    """What a session has to be like; None and "" let all through."""

    user_id: UUID | None = None
    flow_id: UUID | None = None
    outcome: Literal["", "resolved", "escalated", "workaround", "unresolved", "none"] = ""
    """`none`: completed without an outcome."""
    completed: bool | None = None
    ratings: frozenset[int] | None = None
    """Any of them; 0 stands for none."""
    weekday: int | None = None
    """1 is Monday; of the day that it started."""
    hour: int | None = None
    """In which it started."""
    step_id: str | None = None
    """They reached it, unless votes on it are asked for."""
    step_was_last: bool | None = None
    """Whether they went no further than that step."""
    was_helpful: bool | None = None
    """What somebody's vote on that step says, which stands; they need not have reached it."""
    dated_by: Literal["start", "rating", "vote"] = "start"
    """What has to be on a day of the window; `vote`: such a vote, or else any on that step."""


class SessionRow(Struct, frozen=True):
    session_id: UUID
    flow_id: UUID
    flow_name: str
    user_id: UUID
    user_name: str
    started_at: datetime
    completed_at: datetime | None
    outcome: Literal["resolved", "escalated", "workaround", "unresolved"] | None
    duration_microseconds: int
    rating: int | None
    comment: str | None
    rated_at: datetime | None
    steps_reached: int


class SessionList(Struct, frozen=True):
    """Newest first; the total only where it was asked for."""

    sessions: list[SessionRow]
    total: int | None


async def list_sessions(
    database: Database,
    account_id: UUID,
    viewer: Viewer,
    filters: SessionFilters,
    start: Callable[[date], Position],
    *,
    most: int,
    is_counted: bool,
) -> tuple[Calendar, SessionList]:
    """Return some of an account's sessions, of one moment.

    Args:
        database: where they are.
        account_id: whose.
        viewer: whose comments come with them.
        filters: which.
        start: given the account's today, the days they started on and what they come after.
        most: how many.
        is_counted: whether to count all that the filters let through, too.
    """
    async with database.reading(account_id) as connection, database.snapshot(connection):
        calendar = await read_calendar(connection, account_id)
        position = start(calendar.today)
        parameters = (
            asdict(filters)
            | asdict(viewer)
            | {
                "ratings": None if filters.ratings is None else sorted(filters.ratings),
                "account_id": account_id,
                "time_zone": calendar.time_zone,
                "day_from": position.day_from,
                "day_to": position.day_to,
                "before": position.at,
                "before_id": position.id,
            }
        )
        # The few of a person, a flow or some days of ratings or votes are found by other indexes
        # than the newest of all.
        is_of_few = bool(filters.user_id or filters.flow_id or filters.dated_by != "start")
        if is_of_few:
            await connection.execute(SQL["plan_for_everything"])
        page = parameters | {"most": most, "is_counted": False}
        found = await _listed(connection, page)
        if is_counted:
            # Apart, as it reads all there is and the page does not.
            await connection.execute(SQL["plan_for_everything"])
            if filters.ratings is not None and not is_of_few:
                await connection.execute(SQL["plan_for_joins"])
            counted = await _listed(connection, parameters | {"most": 0, "is_counted": True})
            found = replace(found, total=counted.total)
    return calendar, found


async def _listed(connection: Connection, parameters: dict[str, Any]) -> SessionList:
    cursor = await connection.execute(SQL["list_sessions"], parameters)
    row = await cursor.fetchone()
    return msgspec.json.decode(cast("tuple[str]", row)[0], type=SessionList)
