"""Connections that read one account at a time: row-level security shows them nothing else."""

import re
from contextlib import suppress
from typing import Any, Self, TypeVar
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor, AsyncPipeline
from psycopg.errors import DuplicatePreparedStatement, InvalidSqlStatementName
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row

from ingest.store.statements import SQL

T = TypeVar("T")

_PARAMETER = re.compile(rb"%\((\w+)\)s")


class ReadingConnection(AsyncConnection[Any]):
    """A connection each of whose statements sees the rows of the account that it names.

    Attributes:
        account_id: the account; without one they see no row.
    """

    account_id: UUID | None = None

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.cursor_factory = AccountCursor
        self._looked_up: set[str] = set()

    def name_account(self, pipeline: AsyncPipeline) -> None:
        """Say in the transaction that is open whose rows it sees, with the next statement."""
        if self.account_id is not None:
            _send(pipeline, self._naming)

    async def look_up(self, statement: str, parameters: dict[str, UUID | int], kind: type[T]) -> T:
        """Return the one row of a statement, for those that are run all the time.

        It is sent as one command of several statements, which costs a third less than a pipeline
        of them.

        Args:
            statement: its name.
            parameters: what needs no quoting.
            kind: what the row is made into.
        """
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            async with self.cursor(row_factory=class_row(kind)) as cursor:
                return (await (await cursor.execute(SQL[statement], parameters)).fetchall())[0]
        values = b", ".join(b"'%s'" % str(each).encode() for each in parameters.values())
        execute = b"execute upshot_%s (%s)" % (statement.encode(), values)
        command = b"begin read only; %s; %s; commit" % (self._naming, execute)
        async with AsyncCursor(self, row_factory=class_row(kind)) as cursor:
            try:
                if statement not in self._looked_up:
                    await self._prepare(statement, parameters)
                try:
                    await cursor.execute(command, prepare=False)
                except InvalidSqlStatementName:
                    # What rolls back forgets what was prepared.
                    await self.rollback()
                    await self._prepare(statement, parameters)
                    await cursor.execute(command, prepare=False)
            finally:
                if self.pgconn.transaction_status == TransactionStatus.INERROR:
                    await self.rollback()
            for _ in ("begin", "set local"):
                cursor.nextset()
            return (await cursor.fetchall())[0]

    async def _prepare(self, statement: str, parameters: dict[str, UUID | int]) -> None:
        numbers = {name.encode(): b"$%d" % at for at, name in enumerate(parameters, start=1)}
        types = b", ".join(
            b"uuid" if isinstance(each, UUID) else b"bigint" for each in parameters.values()
        )
        text = _PARAMETER.sub(lambda found: numbers[found[1]], SQL[statement])
        prepare = b"prepare upshot_%s (%s) as %s" % (statement.encode(), types, text)
        async with AsyncCursor(self) as cursor:
            # Whoever was cancelled here may have come as far as this.
            with suppress(DuplicatePreparedStatement):
                await cursor.execute(prepare, prepare=False)
        self._looked_up.add(statement)

    @property
    def _naming(self) -> bytes:
        # A literal in the transaction: Citus hands on nothing else, and what holds for longer
        # would be there for the next who gets this connection. A UUID needs no quoting.
        return b"set local app.account_id = '%s'" % str(self.account_id or "").encode()


class AccountCursor(AsyncCursor[Any]):
    """Runs a statement in a transaction of its own, in one round trip, unless one is open."""

    async def execute(self, *arguments: Any, **more: Any) -> Self:
        connection = self._conn
        if (
            not isinstance(connection, ReadingConnection)
            or connection.account_id is None
            or connection.pgconn.transaction_status != TransactionStatus.IDLE
        ):
            return await super().execute(*arguments, **more)
        try:
            async with connection.pipeline() as pipeline:
                _send(pipeline, b"begin read only")
                connection.name_account(pipeline)
                await super().execute(*arguments, **more)
                _send(pipeline, b"commit")
        finally:
            if connection.pgconn.transaction_status == TransactionStatus.INERROR:
                await connection.rollback()
        return self


def _send(pipeline: AsyncPipeline, command: bytes) -> None:
    """Put a command that gives no rows beside what is sent next; errors are told there.

    A cursor would wait until the socket takes it, which costs more than the command.
    """
    pipeline.pgconn.send_query_params(command, None)
    pipeline.result_queue.append(None)
