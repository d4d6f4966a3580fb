"""Sessions as front ends and back ends report them: started, walked through, completed, rated."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from litestar import Controller, Request, Response, delete, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.types.internal_types import PathParameterDefinition

from ingest.auth import ADMINS, Identity, only
from ingest.body import JSON
from ingest.direct import Direct
from ingest.events import check_clock
from ingest.noted import SAME_AGAIN
from ingest.openapi import write_problems
from ingest.problems import Forbidden, invalid
from ingest.schema import (
    Completion,
    NewRating,
    NewSession,
    NewVisit,
    Rating,
    Session,
    SessionStarted,
    StepVisited,
    Visit,
)
from ingest.store import calls
from ingest.store.database import Database
from ingest.store.feedback import Feedback

ApiRequest = Request[Identity, None, Any]


def _rating_operation(_: Any, __: Any, path: list[str | PathParameterDefinition]) -> str:
    """Name the two addresses of one call apart."""
    return "rateSession" if path[-1] == "rate" else "createRating"


class SessionController(Controller):
    path = "/sessions"
    tags = ("Sessions",)
    return_dto = None

    @post(
        dto=JSON[NewSession],
        opt={SAME_AGAIN: True},
        operation_id="startSession",
        summary="Start a session",
        responses={
            200: ResponseSpec(Session, description="The same again"),
            **write_problems(409),
        },
    )
    async def start(
        self, request: ApiRequest, database: NamedDependency[Database], data: JSONBody[NewSession]
    ) -> Response[Session]:
        """Users start their own sessions; a service says whose it is."""
        now = datetime.now(UTC)
        started = SessionStarted(
            session_id=data.session_id or uuid4(),
            flow_id=data.flow_id,
            user_id=_starter(request.user, data.user_id),
            started_at=_clocked(data.started_at, now, "/started_at"),
        )
        session, is_new = await calls.start_session(database, request.user, started, now=now)
        return Response(session, status_code=201 if is_new else 200)

    @post(
        "/{session_id:uuid}/steps",
        dto=JSON[NewVisit],
        opt={SAME_AGAIN: True},
        operation_id="visitStep",
        summary="Note a visit to a step",
        responses={
            200: ResponseSpec(Visit, description="The same again"),
            **write_problems(404),
        },
    )
    async def visit(
        self,
        request: ApiRequest,
        database: NamedDependency[Database],
        session_id: FromPath[UUID],
        data: JSONBody[NewVisit],
    ) -> Response[Visit]:
        """A visit is its session, its step and its time."""
        now = datetime.now(UTC)
        visited = StepVisited(
            session_id=session_id,
            step_id=data.step_id,
            visited_at=_clocked(data.visited_at, now, "/visited_at"),
        )
        visit, is_new = await calls.visit_step(database, request.user, visited, now=now)
        return Response(visit, status_code=201 if is_new else 200)

    @post(
        "/{session_id:uuid}/complete",
        dto=JSON[Completion],
        status_code=200,
        operation_id="completeSession",
        summary="Complete a session",
        responses=write_problems(404, 409),
    )
    async def complete(
        self,
        request: ApiRequest,
        database: NamedDependency[Database],
        session_id: FromPath[UUID],
        data: JSONBody[Completion],
    ) -> Session:
        """With the same outcome again, it answers the session as it is."""
        now = datetime.now(UTC)
        completion = Completion(
            outcome=data.outcome, completed_at=_clocked(data.completed_at, now, "/completed_at")
        )
        return await calls.complete_session(database, request.user, session_id, completion, now=now)

    @post(
        ["/{session_id:uuid}/rate", "/{session_id:uuid}/ratings"],
        dto=JSON[NewRating],
        middleware=[Direct],
        operation_id=_rating_operation,
        summary="Rate a completed session",
        responses=write_problems(404, 409),
    )
    async def rate(
        self,
        request: ApiRequest,
        feedback: NamedDependency[Feedback],
        session_id: FromPath[UUID],
        data: JSONBody[NewRating],
    ) -> Rating:
        """Its own user, once. A second rating is 409 `already_rated`: take it as delivered."""
        return await feedback.rate(request.user, session_id, data, now=datetime.now(UTC))

    @delete(
        "/{session_id:uuid}",
        guards=[only("service", *ADMINS)],
        operation_id="deleteSession",
        summary="Delete a session, for good",
        responses=write_problems(404, takes_body=False),
    )
    async def delete(
        self, request: ApiRequest, database: NamedDependency[Database], session_id: FromPath[UUID]
    ) -> None:
        """It is gone from raw and from every figure; again is 204 again."""
        await calls.delete_session(database, request.user, session_id, now=datetime.now(UTC))


def _starter(who: Identity, user_id: UUID | None) -> UUID:
    if who.role == "service":
        if user_id is None:
            raise invalid("/user_id", "A service has to say whose session it is.")
        return user_id
    if user_id not in (None, who.user_id):
        raise Forbidden("Users start their own sessions only.")
    return who.user_id


def _clocked(moment: datetime | None, now: datetime, pointer: str) -> datetime | None:
    return None if moment is None else check_clock(moment, now, pointer)
