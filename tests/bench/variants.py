"""The API as it is, and two others to hold it against; uvicorn runs them as factories."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from history import SQL
from litestar import Litestar, Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.middleware import DefineMiddleware
from litestar.params import FromPath
from msgspec import Struct

from ingest.app import create_app
from ingest.auth import TokenAuth
from ingest.direct_reads import DirectRead
from ingest.problems import Problem
from ingest.quotas import Counted
from ingest.store import statements
from ingest.store.database import Database
from ingest.store.feedback import Feedback


class EachAlone:
    """One transaction a request: the same statement, without the groups."""

    def __init__(self, run: Any) -> None:
        self._run = run

    async def submit(self, account_id: UUID, item: Any) -> Any:
        (answer,) = await self._run(account_id, [item])
        if isinstance(answer, Problem):
            raise answer
        return answer


class Nothing:
    """The same HTTP stack, answering without a database."""

    async def submit(self, _: UUID, __: Any) -> bool:
        return False


def _in_place_of_a_group(stand_in: EachAlone | Nothing) -> Any:
    """Return it untyped: it has of a GroupCommit only what the handlers call."""
    return stand_in


def grouped() -> Litestar:
    return create_app()


def alone() -> Litestar:
    def change(feedback: Feedback) -> None:
        feedback._ratings = _in_place_of_a_group(EachAlone(feedback._rate))
        feedback._votes = _in_place_of_a_group(EachAlone(feedback._vote))

    return _changed(change)


def nothing() -> Litestar:
    def change(feedback: Feedback) -> None:
        feedback._ratings = feedback._votes = _in_place_of_a_group(Nothing())

    return _changed(change)


def ready() -> Litestar:
    """The API beside a handler that reads ready answers in the same short ways."""
    statements.SQL["read_ready_http_answer"] = SQL["read_ready_http_answer"]
    app = create_app()
    app.register(
        Router(
            "/api/v1/ready",
            route_handlers=[ready_answer],
            middleware=[DefineMiddleware(TokenAuth), Counted()],
        )
    )
    return app


class ReadyAnswer(Struct, frozen=True):
    body: str


@get("/{number:int}", middleware=[DirectRead])
async def ready_answer(
    request: Request[Any, Any, Any], database: NamedDependency[Database], number: FromPath[int]
) -> Response[bytes]:
    account_id = request.user.account_id
    asked: dict[str, UUID | int] = {"account_id": account_id, "number": number}
    async with database.reading(account_id) as connection:
        row = await connection.look_up("read_ready_http_answer", asked, ReadyAnswer)
    return Response(row.body.encode(), media_type=MediaType.JSON.value)


def _changed(change: Any) -> Litestar:
    app = create_app()

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        change(app.state.feedback)
        yield

    app._lifespan_managers.append(lifespan)
    return app
