"""What people wrote, for those who may read it."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict
from psycopg.rows import class_row

from ingest.paging import LAST_ID, LAST_MOMENT, Position
from ingest.privacy import FEWEST_RATERS, Viewer
from ingest.store.calendar import Calendar, read_calendar
from ingest.store.database import Connection, Database
from ingest.store.statements import SQL


class CommentFilters(Struct, frozen=True, kw_only=True):
    """Which comments; None and "" let all through."""

    user_id: UUID | None = None
    flow_id: UUID | None = None
    rating: int | None = None
    text: str = ""
    """Stands in the comment, in small letters or capitals."""


class CommentRow(Struct, frozen=True):
    """Without the person and the session where the viewer may not know them."""

    rating: int
    comment: str
    created_at: datetime
    event_id: UUID
    flow_id: UUID
    flow_name: str
    session_id: UUID | None
    user_id: UUID | None
    user_name: str | None


async def list_comments(
    database: Database,
    account_id: UUID,
    viewer: Viewer,
    filters: CommentFilters,
    start: Callable[[date], Position],
    *,
    most: int,
    lowest_first: bool,
) -> tuple[Calendar, list[CommentRow]]:
    """Return some of an account's comments, of one moment.

    Args:
        database: where they are.
        account_id: whose.
        viewer: who asks.
        filters: which.
        start: given the account's today, the days they were given on and what they come after.
        most: how many.
        lowest_first: by their rating, the newest of each first; else the newest of all first.
    """
    async with database.reading(account_id) as connection, database.snapshot(connection):
        calendar = await read_calendar(connection, account_id)
        position = start(calendar.today)
        parameters = (
            asdict(filters)
            | asdict(viewer)
            | {
                "account_id": account_id,
                "time_zone": calendar.time_zone,
                "day_from": position.day_from,
                "day_to": position.day_to,
                "is_of_all_time": position.is_of_all_time,
                "flow_ids": await open_flows(connection, account_id, viewer, filters.flow_id),
            }
        )
        # The few of a person or a flow are found by another index than the newest of all.
        if filters.user_id or filters.flow_id:
            await connection.execute(SQL["plan_for_everything"])
        found: list[CommentRow] = []
        for some in _parts(filters.rating, position, lowest_first=lowest_first):
            if len(found) < most:
                found += await _comments(
                    connection, parameters | some | {"most": most - len(found)}
                )
    return calendar, found


async def open_flows(
    connection: Connection, account_id: UUID, viewer: Viewer, flow_id: UUID | None
) -> list[UUID]:
    """Return the flows, or the one if it is among them, whose comments all may read unnamed."""
    if viewer.sees_all:
        return []
    parameters = {"account_id": account_id, "flow_id": flow_id, "fewest": FEWEST_RATERS}
    cursor = await connection.execute(SQL["flows_with_raters"], parameters)
    return [flow_id for (flow_id,) in await cursor.fetchall()]


async def _comments(connection: Connection, parameters: dict[str, Any]) -> list[CommentRow]:
    async with connection.cursor(row_factory=class_row(CommentRow)) as cursor:
        return await (await cursor.execute(SQL["list_comments"], parameters)).fetchall()


def _parts(
    rating: int | None, position: Position, *, lowest_first: bool
) -> list[dict[str, object]]:
    """Return the ratings of each part of the list, and what it comes after.

    An index has the newest first; a rating at a time, they are the lowest first.
    """
    if rating is not None or not lowest_first:
        lowest, highest = (1, 5) if rating is None else (rating, rating)
        parts = [(lowest, highest, position.at, position.id)]
    else:
        parts = [
            (stars, stars, position.at, position.id)
            if stars == position.rating
            else (stars, stars, LAST_MOMENT, LAST_ID)
            for stars in range(max(1, position.rating), 6)
        ]
    return [
        dict(zip(("rating_from", "rating_to", "before", "before_id"), part, strict=True))
        for part in parts
    ]
