"""The API as it is, and two others to hold it against; uvicorn runs them as factories."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from litestar import Litestar

from ingest.app import create_app
from ingest.problems import Problem
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


def grouped() -> Litestar:
    return create_app()


def alone() -> Litestar:
    def change(feedback: Feedback) -> None:
        feedback._ratings = EachAlone(feedback._rate)  # type: ignore[assignment]
        feedback._votes = EachAlone(feedback._vote)  # type: ignore[assignment]

    return _changed(change)


def nothing() -> Litestar:
    def change(feedback: Feedback) -> None:
        feedback._ratings = feedback._votes = Nothing()  # type: ignore[assignment]

    return _changed(change)


def _changed(change: Any) -> Litestar:
    app = create_app()

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        change(app.state.feedback)
        yield

    app._lifespan_managers.append(lifespan)
    return app
