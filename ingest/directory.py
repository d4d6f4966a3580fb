"""What things are called: accounts and their time zones, people, flows and their steps."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from ingest.auth import ADMINS, Identity, only
from ingest.body import JSON
from ingest.events import check_steps, check_zone
from ingest.openapi import write_problems
from ingest.problems import AccountNotFound, Forbidden
from ingest.schema import (
    AccountBody,
    AccountUpserted,
    FlowBody,
    FlowUpserted,
    UserBody,
    UserUpserted,
)
from ingest.store import calls
from ingest.store.database import Database

ApiRequest = Request[Identity, None, Any]


class DirectoryController(Controller):
    tags = ("Directory",)
    guards = (only("service", *ADMINS),)
    return_dto = None

    @put(
        "/accounts/{account_id:uuid}",
        dto=JSON[AccountBody],
        operation_id="putAccount",
        summary="Name an account and its time zone",
        responses={201: ResponseSpec(AccountUpserted), **write_problems(404)},
    )
    async def put_account(
        self,
        request: ApiRequest,
        database: NamedDependency[Database],
        account_id: FromPath[UUID],
        data: JSONBody[AccountBody],
    ) -> Response[AccountUpserted]:
        """The token's own account. A new zone moves every day of it."""
        if account_id != request.user.account_id:
            raise AccountNotFound("There is no such account.")
        check_zone(data.time_zone, await database.time_zones(), "/time_zone")
        account = AccountUpserted(account_id=account_id, name=data.name, time_zone=data.time_zone)
        is_new = await calls.put_account(database, request.user, account, now=datetime.now(UTC))
        return Response(account, status_code=201 if is_new else 200)

    @put(
        "/users/{user_id:uuid}",
        dto=JSON[UserBody],
        operation_id="putUser",
        summary="Name a user and their role",
        responses={201: ResponseSpec(UserUpserted), **write_problems(404, 409)},
    )
    async def put_user(
        self,
        request: ApiRequest,
        database: NamedDependency[Database],
        user_id: FromPath[UUID],
        data: JSONBody[UserBody],
    ) -> Response[UserUpserted]:
        """Only a super_admin grants super_admin. An erased user cannot come back."""
        if data.role == "super_admin" and request.user.role != "super_admin":
            raise Forbidden("Only a super_admin grants super_admin.")
        user = UserUpserted(user_id=user_id, name=data.name, role=data.role)
        is_new = await calls.put_user(database, request.user, user, now=datetime.now(UTC))
        return Response(user, status_code=201 if is_new else 200)

    @delete(
        "/users/{user_id:uuid}",
        operation_id="eraseUser",
        summary="Erase a person, for good",
        responses=write_problems(404, takes_body=False),
    )
    async def erase_user(
        self, request: ApiRequest, database: NamedDependency[Database], user_id: FromPath[UUID]
    ) -> None:
        """With their sessions and votes, from raw and from every figure; again is 204 again."""
        await calls.erase_user(database, request.user, user_id, now=datetime.now(UTC))

    @put(
        "/flows/{flow_id:uuid}",
        dto=JSON[FlowBody],
        operation_id="putFlow",
        summary="Name a flow and its steps",
        responses={201: ResponseSpec(FlowUpserted), **write_problems(404)},
    )
    async def put_flow(
        self,
        request: ApiRequest,
        database: NamedDependency[Database],
        flow_id: FromPath[UUID],
        data: JSONBody[FlowBody],
    ) -> Response[FlowUpserted]:
        """Steps that are not named any more leave the flow; their votes stay."""
        check_steps([step.step_id for step in data.steps], "/steps")
        flow = FlowUpserted(flow_id=flow_id, name=data.name, steps=data.steps)
        is_new = await calls.put_flow(database, request.user, flow, now=datetime.now(UTC))
        return Response(flow, status_code=201 if is_new else 200)
