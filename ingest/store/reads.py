"""What the read endpoints ask of the marts: sums, from which the figures are made at the edge."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row

from ingest.store.database import Connection
from ingest.store.statements import SQL

Row = TypeVar("Row", bound=Struct)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Whose sessions, of which days: both ends of the window are in it."""

    account_id: UUID
    day_from: date
    day_to: date
    user_id: UUID | None = None
    flow_id: UUID | None = None


class Clock(Struct, frozen=True):
    time_zone: str
    today: date
    as_of: datetime | None
    data_through: datetime | None


class DayRow(Struct, frozen=True):
    day: date
    sessions: int
    completed: int
    duration_microseconds: int
    resolved: int
    escalated: int
    workaround: int
    unresolved: int


class FlowRow(Struct, frozen=True):
    flow_id: UUID
    name: str
    sessions: int
    completed: int
    duration_microseconds: int
    ratings: int
    rating_points: int


class EngineerRow(Struct, frozen=True):
    user_id: UUID
    name: str
    sessions: int
    completed: int
    duration_microseconds: int


class RatingsRow(Struct, frozen=True):
    ratings: int
    rating_points: int


class StepRow(Struct, frozen=True):
    step_id: str
    title: str
    helpful_yes: int
    helpful_no: int


class CommentRow(Struct, frozen=True):
    rating: int
    comment: str
    user_name: str
    created_at: datetime


async def clock(connection: Connection, account_id: UUID) -> Clock:
    """Return the account's zone and today, and how far its figures reach."""
    rows = await _rows(connection, "read_clock", Clock, {"account_id": account_id})
    return rows[0]


async def outcomes_by_day(connection: Connection, scope: Scope) -> list[DayRow]:
    """Return a row for every day of the window."""
    return await _rows(connection, "outcomes_by_day", DayRow, vars(scope))


async def top_flows(connection: Connection, scope: Scope, most: int) -> list[FlowRow]:
    """Return the flows with most sessions in the window; ties by name, then id."""
    return await _rows(connection, "top_flows", FlowRow, vars(scope) | {"most": most})


async def top_engineers(connection: Connection, scope: Scope, most: int) -> list[EngineerRow]:
    """Return the engineers with most sessions in the window; ties by name, then id."""
    return await _rows(connection, "top_engineers", EngineerRow, vars(scope) | {"most": most})


async def flow_is_known(connection: Connection, account_id: UUID, flow_id: UUID) -> bool:
    """Say whether the account has named the flow, or has sessions of it."""
    key = {"account_id": account_id, "flow_id": flow_id}
    row = await (await connection.execute(SQL["flow_is_known"], key)).fetchone()
    return row == (True,)


async def ratings_of_flow(connection: Connection, scope: Scope) -> RatingsRow:
    """Return the ratings given in the window."""
    return (await _rows(connection, "ratings_of_flow", RatingsRow, vars(scope)))[0]


async def step_feedback_of_flow(connection: Connection, scope: Scope) -> list[StepRow]:
    """Return the flow's steps in their order, with the votes last cast in the window."""
    return await _rows(connection, "step_feedback_of_flow", StepRow, vars(scope))


async def recent_comments(
    connection: Connection, account_id: UUID, flow_id: UUID, most: int
) -> list[CommentRow]:
    """Return the flow's newest comments, of whatever day."""
    key = {"account_id": account_id, "flow_id": flow_id, "most": most}
    return await _rows(connection, "recent_comments", CommentRow, key)


async def _rows(
    connection: Connection, statement: str, kind: type[Row], parameters: dict[str, object]
) -> list[Row]:
    async with connection.cursor(row_factory=class_row(kind)) as cursor:
        return await (await cursor.execute(SQL[statement], parameters)).fetchall()
