"""Connections of a pool, without those that PostgreSQL has ended while nobody used them.

It ends them when it restarts, and when an administrator or a time limit says so.
"""

import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

C = TypeVar("C", bound=AsyncConnection[Any])


@asynccontextmanager
async def usable(pool: AsyncConnectionPool[C]) -> AsyncIterator[C]:
    """Lend a connection of the pool, as its `connection()` does.

    The pool's own check pauses for a second between two that are of no use, and after a restart
    all of them are.

    Raises:
        PoolTimeout: there was none in time.
        TooManyRequests: too many wait for one.
    """
    connection = await _take(pool)
    try:
        async with connection:
            yield connection
    finally:
        await pool.putconn(connection)


async def _take(pool: AsyncConnectionPool[C]) -> C:
    while True:
        connection = await pool.getconn()
        is_usable = False
        try:
            is_usable = await _is_usable(connection)
        finally:
            if not is_usable:
                await pool.putconn(connection)
        if is_usable:
            return connection


async def _is_usable(connection: AsyncConnection[Any]) -> bool:
    """Say whether the connection is still there.

    Asking PostgreSQL takes a round trip, which no request is to pay for. Mostly it says nothing
    unasked but that it has ended the connection: so only what has something to say is asked.
    """
    listening = select.poll()
    try:
        listening.register(connection.fileno(), select.POLLIN)
        if listening.poll(0):
            await AsyncConnectionPool.check_connection(connection)
    except psycopg.OperationalError:
        return False
    return True
