"""Is it alive, is it ready, and what its problems mean."""

from litestar import Controller, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath

from ingest.openapi import problems_only
from ingest.problems import PROBLEMS, NotFound, ShuttingDown
from ingest.schema import Out
from ingest.store.database import Database


class Health(Out, frozen=True):
    status: str


class ProblemKind(Out, frozen=True):
    """What a problem's `type` points at."""

    code: str
    title: str
    status: int
    retryable: bool
    description: str


class HealthController(Controller):
    tags = ("Service",)

    @get("/health/live", operation_id="getLiveness", summary="The process answers")
    async def live(self) -> Health:
        return Health(status="live")

    @get(
        "/health/ready",
        operation_id="getReadiness",
        summary="Events can be taken in",
        responses=problems_only(503),
    )
    async def ready(self, state: State, database: NamedDependency[Database]) -> Health:
        """503 while the process stops, or the database is away, not migrated or short of room."""
        if state.stopping.has_begun:
            raise ShuttingDown("This process of the service is about to end.")
        await database.check()
        return Health(status="ready")

    @get(
        "/problems/{code:str}",
        operation_id="getProblem",
        summary="What a problem means",
        responses=problems_only(404),
    )
    async def problem(self, code: FromPath[str]) -> ProblemKind:
        kind = PROBLEMS.get(code)
        if kind is None:
            raise NotFound("There is no such problem.")
        return ProblemKind(
            code=kind.code,
            title=kind.title,
            status=kind.status,
            retryable=kind.retryable,
            description=" ".join((kind.__doc__ or "").split()),
        )
