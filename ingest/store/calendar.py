"""Where an account's calendar is when something is read from raw."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row

from ingest.store.database import Connection
from ingest.store.statements import SQL


class Calendar(Struct, frozen=True, kw_only=True):
    as_of: datetime
    time_zone: str
    today: date
    data_through: datetime | None


async def read_calendar(connection: Connection, account_id: UUID) -> Calendar:
    async with connection.cursor(row_factory=class_row(Calendar)) as cursor:
        rows = await cursor.execute(SQL["read_calendar"], {"account_id": account_id})
        return (await rows.fetchall())[0]
