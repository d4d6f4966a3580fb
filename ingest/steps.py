"""Thumbs on steps: one standing vote per user, session and step."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, JSONBody, PathParameter

from ingest.auth import Identity
from ingest.body import JSON
from ingest.direct import Direct
from ingest.openapi import write_problems
from ingest.schema import NO_NUL, Vote, VoteAnswer
from ingest.step_paths import StepIdsPutBack
from ingest.store.feedback import Feedback

ApiRequest = Request[Identity, None, Any]
StepInPath = Annotated[
    str,
    PathParameter(
        min_length=1,
        max_length=200,
        pattern=NO_NUL,
        description="Percent-encoded: a slash in it is `%2F`.",
    ),
]


class StepController(Controller):
    path = "/steps/{step_id:str}/feedback"
    tags = ("Steps",)
    return_dto = None
    middleware = (StepIdsPutBack,)

    @post(
        dto=JSON[Vote],
        middleware=[Direct],
        operation_id="voteOnStep",
        summary="Say whether a step helped",
        responses={
            200: ResponseSpec(VoteAnswer, description="The vote was changed"),
            **write_problems(404),
        },
    )
    async def vote(
        self,
        request: ApiRequest,
        feedback: NamedDependency[Feedback],
        step_id: StepInPath,
        data: JSONBody[Vote],
    ) -> Response[VoteAnswer]:
        """The session's own user; a second vote replaces the first."""
        answer, is_new = await feedback.vote(request.user, step_id, data, now=datetime.now(UTC))
        return Response(answer, status_code=201 if is_new else 200)

    @delete(
        operation_id="withdrawVote",
        summary="Withdraw a vote",
        responses=write_problems(404, takes_body=False),
    )
    async def withdraw(
        self,
        request: ApiRequest,
        feedback: NamedDependency[Feedback],
        step_id: StepInPath,
        session_id: FromQuery[UUID],
    ) -> None:
        """Afterwards no vote stands, whether one did or not."""
        await feedback.withdraw(request.user, step_id, session_id, now=datetime.now(UTC))
