"""Who is asking, and what the figures are that they see: what a page says around them."""

from typing import Any

from litestar import Controller, Request, get
from litestar.di import NamedDependency

from ingest.auth import Identity, Role
from ingest.figure_document import meanings
from ingest.openapi import problems
from ingest.schema import Id, Name, Out
from ingest.served import Served
from ingest.store.callers import read_caller
from ingest.store.database import Database


class Caller(Out, frozen=True):
    """Whose token it is; a name is null until it is known."""

    user_id: Id
    user_name: Name | None
    role: Role
    account_id: Id
    account_name: Name | None
    time_zone: str


class FigureMeaning(Out, frozen=True):
    name: str
    """As in the answers of the analytics."""
    description: str
    unit: str | None


class FigureMeanings(Out, frozen=True):
    figures: list[FigureMeaning]


class CallerController(Controller):
    tags = ("Analytics",)

    @get("/me", operation_id="getCaller", summary="Who is asking", responses=problems())
    async def me(
        self, request: Request[Identity, Any, Any], database: NamedDependency[Database]
    ) -> Caller:
        """Whose token it is, and what they and their account are called."""
        who = request.user
        names = await read_caller(database, who)
        return Caller(
            user_id=who.user_id,
            user_name=names.user_name,
            role=who.role,
            account_id=who.account_id,
            account_name=names.account_name,
            time_zone=names.time_zone,
        )

    @get(
        "/figures",
        operation_id="getFigureMeanings",
        summary="What the figures mean",
        responses=problems(),
    )
    async def figures(self, served: NamedDependency[Served]) -> FigureMeanings:
        """Every figure of the analytics, in the words of the marts that define it."""
        described = meanings(await served.catalog())
        return FigureMeanings(
            figures=[
                FigureMeaning(name=name, description=meaning.description, unit=meaning.unit)
                for name, meaning in described.items()
            ]
        )
