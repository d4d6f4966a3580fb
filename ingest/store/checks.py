"""The data tests: which of them fail."""

from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import UndefinedTable

from ingest.store.statements import SQL


async def read_failing_checks(connection: AsyncConnection[Any]) -> tuple[str, ...]:
    """Return their names, in order.

    Of a warehouse that an older version of the project built, nothing is known.
    """
    try:
        cursor = await connection.execute(SQL["read_failing_checks"])
    except UndefinedTable:
        return ()
    return tuple(name for (name,) in await cursor.fetchall())
