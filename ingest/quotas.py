"""Every write is counted against its account's quota, and its answer says what is left."""

from typing import Any

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ingest.auth import READING
from ingest.store.quotas import Quotas

COUNTS_ITEMS = "counts_items"
"""Marks a handler that says itself how many events it takes in."""
_COUNTED = "upshot_counted"


class Counted(ASGIMiddleware):
    """A write is one event, unless its handler counts; behind the authentication."""

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["type"] == ScopeType.HTTP and scope["method"] not in READING:
            counts_itself = COUNTS_ITEMS in scope["route_handler"].opt
            scope["state"][_COUNTED] = account_id = scope["user"].account_id
            quotas: Quotas = scope["litestar_app"].state.quotas
            await quotas.spend(account_id, 0 if counts_itself else 1)
        await next_app(scope, receive, send)


async def tell_quota(message: Message, scope: Scope) -> None:
    """Add the quota's headers to an answer, whether it is one of a handler or a problem."""
    if message["type"] == "http.response.start":
        account_id = scope["state"].get(_COUNTED)
        if account_id is not None:
            quotas: Quotas = scope["litestar_app"].state.quotas
            headers: Any = message["headers"]
            message["headers"] = [*headers, *quotas.headers(account_id)]
