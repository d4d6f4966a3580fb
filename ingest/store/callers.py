"""What the account and the user of a token are called."""

from msgspec import Struct
from psycopg.rows import class_row

from ingest.auth import Identity
from ingest.store.database import Database
from ingest.store.statements import SQL


class CallerNames(Struct, frozen=True):
    """None is unknown."""

    account_name: str | None
    time_zone: str
    user_name: str | None


async def read_caller(database: Database, who: Identity) -> CallerNames:
    async with (
        database.reading(who.account_id) as connection,
        connection.cursor(row_factory=class_row(CallerNames)) as cursor,
    ):
        parameters = {"account_id": who.account_id, "user_id": who.user_id}
        await cursor.execute(SQL["read_caller"], parameters)
        return (await cursor.fetchall())[0]
