"""Connections that read one account at a time: row-level security shows them nothing else."""

from typing import Any, Self
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor, AsyncPipeline
from psycopg.pq import TransactionStatus


class ReadingConnection(AsyncConnection[Any]):
    """A connection each of whose statements sees the rows of the account that it names.

    Attributes:
        account_id: the account; without one they see no row.
    """

    account_id: UUID | None = None

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.cursor_factory = AccountCursor

    def name_account(self, pipeline: AsyncPipeline) -> None:
        """Say in the transaction that is open whose rows it sees, with the next statement."""
        # A literal in the transaction: Citus hands on nothing else, and what holds for longer
        # would be there for the next who gets this connection. A UUID needs no quoting.
        if self.account_id is not None:
            _send(pipeline, b"set local app.account_id = '%s'" % str(self.account_id).encode())


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
