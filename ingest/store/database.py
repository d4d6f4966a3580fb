"""Connections: the pools, their transactions, and what a failing database means to a caller."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.abc import Query
from psycopg.errors import InsufficientPrivilege, InvalidSchemaName, UndefinedTable
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from ingest.problems import DiskFull, MartsNotBuilt, Unavailable
from ingest.store.arrays import register_arrays
from ingest.store.checks import read_failing_checks
from ingest.store.reading import ReadingConnection
from ingest.store.room import Room
from ingest.store.statements import SQL
from ingest.store.usable import usable
from ingest.store.vitals import Volume
from ingest.tracing import Traced, untraced

Connection = AsyncConnection[Any]
C = TypeVar("C", bound=Connection)

WRITER = "upshot_writer"
READER = "upshot_reader"
POOL_TIMEOUT_SECONDS = 5.0
WAITING_PER_CONNECTION = 20


def _configured_for(role: str) -> Callable[[Connection], Awaitable[None]]:
    async def configure(connection: Connection) -> None:
        register_arrays(connection)
        await connection.execute(SQL["configure_connection"], {"role": role})

    return configure


class Database:
    """Two pools of connections to one PostgreSQL: what reads cannot write, nor the other way."""

    def __init__(
        self, url: str, *, size: int, room: Room | None = None, traced: Traced = untraced
    ) -> None:
        """Prepare the pools.

        Args:
            url: of the database.
            size: the most connections that write, and the most that read.
            room: on its disk; without, there is always some.
            traced: makes a span around what is asked over a connection.
        """
        self._url = url
        self._room = room or Room([], 0)
        self._writers = _pool(url, size, WRITER, AsyncConnection[Any])
        self._readers = _pool(url, size, READER, ReadingConnection)
        self._traced = traced
        self._time_zones: frozenset[str] = frozenset()
        self._most_per_account = max(1, size // 2)
        # As long as somebody of the account is there.
        self._turns: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    async def open(self, *, wait: bool = False) -> None:
        """Connect; a database that is away now may come back: readiness tells.

        Raises:
            Unavailable: it is to wait for a connection, and there is none.
        """
        try:
            for pool in (self._writers, self._readers):
                await pool.open(wait=wait, timeout=POOL_TIMEOUT_SECONDS)
        except PoolTimeout:
            await self.close()
            # It may be there and lack the roles.
            await self.check()
            raise Unavailable("The database cannot be reached.") from None

    async def close(self) -> None:
        for pool in (self._writers, self._readers):
            await pool.close()

    @asynccontextmanager
    async def writing(self, account_id: UUID, *, alone: bool = False) -> AsyncIterator[Connection]:
        """One transaction in one account; committed when the block ends without an error.

        Statements are sent when rows are fetched or the block ends: what does not wait for an
        answer shares a round trip, and what fails is told there.

        Args:
            account_id: whose rows it writes.
            alone: shut out every other writer of the account.

        Raises:
            Unavailable: the pool is full, the database away or its disk full; nothing is stored.

        """
        lock = SQL["lock_account_alone" if alone else "lock_account_shared"]
        async with (
            self._turn(account_id),
            self._connected(self._writers) as connection,
            connection.pipeline(),
            connection.transaction(),
        ):
            await connection.execute(lock, {"account_id": account_id})
            yield connection

    async def write_at_once(
        self, account_id: UUID, statement: str, parameters: dict[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Run one statement about sessions in one round trip, and return its rows.

        Args:
            account_id: whose rows it writes.
            statement: its name.
            parameters: with the `items`, each with the `session_id` that it judges.

        Raises:
            Unavailable: as `writing` does.
        """
        parameters = parameters | {"account_id": account_id}
        async with self._turn(account_id), self._connected(self._writers) as connection:
            # A pipeline that nothing else divides is a transaction: it commits as it ends. Two
            # statements, because the second has to see what was committed under the locks.
            try:
                async with connection.pipeline():
                    await connection.execute(SQL["lock_account_and_sessions"], parameters)
                    cursor = await connection.execute(SQL[statement], parameters)
            except IndexError:
                # What psycopg makes of a commit that fails: no statement of its own asked for it,
                # and where the error and the pipeline's end arrive at once, it looks for one.
                raise psycopg.InternalError("The commit failed.") from None
            # Not before the commit: each answer that is waited for is a round trip.
            return await cursor.fetchall()

    @asynccontextmanager
    async def reading(self, account_id: UUID) -> AsyncIterator[ReadingConnection]:
        """A connection whose statements each see what is committed when they begin.

        Args:
            account_id: whose rows it reads, and no other's.

        Raises:
            MartsNotBuilt: the database has no marts yet.
            Unavailable: the pool is full or the database away.

        """
        async with self._connected(self._readers) as connection:
            connection.account_id = account_id
            try:
                yield connection
            finally:
                connection.account_id = None

    @asynccontextmanager
    async def snapshot(
        self, connection: ReadingConnection, *, lock: Query | None = SQL["lock_stored"]
    ) -> AsyncIterator[None]:
        """Read one snapshot from here on: whatever is read in it belongs together.

        Args:
            connection: to read on.
            lock: the statement that locks what is read in it, as dbt may put another table in
                the place of one; None where raw alone is read.
        """
        async with connection.transaction():
            async with connection.pipeline() as pipeline:
                await connection.execute(SQL["begin_snapshot"])
                connection.name_account(pipeline)
                if lock is not None:
                    await connection.execute(lock)
            yield

    async def time_zones(self) -> frozenset[str]:
        """Return the names of the time zones that days can be computed in."""
        if not self._time_zones:
            async with self._connected(self._writers) as connection:
                rows = await (await connection.execute(SQL["list_time_zones"])).fetchall()
            self._time_zones = frozenset(name for (name,) in rows)
        return self._time_zones

    async def served(self) -> list[tuple[str, Any]]:
        """Return what asks to be served, of all accounts: a definition, and how long rows stay.

        Raises:
            MartsNotBuilt: the database has no marts yet.
            Unavailable: the pool is full or the database away.
        """
        async with self._connected(self._readers) as connection:
            return await (await connection.execute(SQL["read_served"])).fetchall()

    async def failing_checks(self) -> tuple[str, ...]:
        """Return the names of the data tests that fail, in order.

        Raises:
            Unavailable: the pool is full or the database away.
        """
        async with self._connected(self._readers) as connection:
            return await read_failing_checks(connection)

    async def take_quota(
        self, account_id: UUID, cost: timedelta, window: timedelta
    ) -> tuple[bool, timedelta]:
        """Take a share of an account's quota, if there is as much.

        Args:
            account_id: whose quota it is.
            cost: the share, as the time in which as much comes back.
            window: in how much time all of the quota comes back.

        Returns:
            Whether it was taken, and how long until all of the quota is there again.

        Raises:
            Unavailable: the pool is full or the database away.
        """
        # full_at + cost, or now + cost if that is later, may be at most now + window; excluded
        # has now + cost.
        slack = window - cost - cost
        parameters = {"account_id": account_id, "cost": cost, "slack": slack}
        async with self._connected(self._writers) as connection:
            row = await (await connection.execute(SQL["take_quota"], parameters)).fetchone()
            if row is not None:
                return True, row[0]
            row = await (await connection.execute(SQL["read_quota"], parameters)).fetchone()
            return False, row[0] if row else timedelta()

    async def check(self) -> None:
        """Raise Unavailable unless the database answers, is migrated and has room."""
        self._room.check()
        # On a connection of its own: the pools may be busy with what one account waits for.
        try:
            async with await AsyncConnection.connect(self._url, connect_timeout=5) as connection:
                row = await (await connection.execute(SQL["is_migrated"])).fetchone()
        except psycopg.OperationalError as error:
            raise Unavailable("The database cannot be reached.") from error
        if row != (True,):
            raise Unavailable("The database is not migrated: run `upshot migrate`.")

    @asynccontextmanager
    async def _connected(self, pool: AsyncConnectionPool[C]) -> AsyncIterator[C]:
        with self._traced("database write" if pool is self._writers else "database read"):
            async with _connected(pool) as connection:
                yield connection

    def pool_statistics(self) -> dict[str, dict[str, int]]:
        """Return what psycopg says of each pool."""
        return {"writers": self._writers.get_stats(), "readers": self._readers.get_stats()}

    def volumes(self) -> list[Volume]:
        """Return the volumes that the database writes to, as far as they can be seen here."""
        return self._room.volumes()

    @asynccontextmanager
    async def _turn(self, account_id: UUID) -> AsyncIterator[None]:
        """At most half of the connections write for one account: it may be held up alone."""
        self._room.check()
        turns = self._turns.get(account_id)
        if turns is None:
            turns = self._turns[account_id] = asyncio.Semaphore(self._most_per_account)
        try:
            if turns.locked():
                await asyncio.wait_for(turns.acquire(), POOL_TIMEOUT_SECONDS)
            else:
                await turns.acquire()  # at once, and without the task that a timeout needs
        except TimeoutError:
            raise Unavailable("Too many requests of this account wait for the database.") from None
        try:
            yield
        finally:
            turns.release()


def _pool(url: str, size: int, role: str, kind: type[C]) -> AsyncConnectionPool[C]:
    return AsyncConnectionPool(
        url,
        connection_class=kind,
        min_size=min(2, size),
        max_size=size,
        timeout=POOL_TIMEOUT_SECONDS,
        # As long as a request waits; then the next one has it try anew. Who goes on doubles the
        # pauses, and after an outage of two minutes would come back a minute late.
        reconnect_timeout=POOL_TIMEOUT_SECONDS,
        # Unbounded by default: overload would be suffered instead of refused.
        max_waiting=size * WAITING_PER_CONNECTION,
        # Prepared at once: the first plan is the one for good.
        kwargs={"application_name": "upshot", "autocommit": True, "prepare_threshold": 0},
        configure=_configured_for(role),
        open=False,
    )


@asynccontextmanager
async def _connected(pool: AsyncConnectionPool[C]) -> AsyncIterator[C]:
    try:
        async with usable(pool) as connection:
            yield connection
    except (PoolTimeout, TooManyRequests):
        raise Unavailable("Too many requests wait for the database.") from None
    except (UndefinedTable, InvalidSchemaName) as error:
        if "marts." in str(error) or "live." in str(error):
            raise MartsNotBuilt(
                "The figures have not been computed yet: run `upshot refresh`."
            ) from error
        raise Unavailable("The database is not migrated: run `upshot migrate`.") from error
    except InsufficientPrivilege as error:
        # What a migration makes, it lets the roles use.
        raise Unavailable("The database's roles lack a right: run `upshot migrate`.") from error
    except errors.DiskFull as error:
        raise DiskFull("The database has no room left.") from error
    except psycopg.OperationalError as error:
        raise Unavailable("The database cannot be reached.") from error
