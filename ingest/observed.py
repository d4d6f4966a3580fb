"""Around every request: it is counted, its faults are logged, and its trace is kept."""

import logging
from time import perf_counter
from typing import Any

from litestar.enums import ScopeType
from litestar.status_codes import HTTP_500_INTERNAL_SERVER_ERROR
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from ingest.auth import Identity
from ingest.logs import tell
from ingest.metrics import UNMATCHED, Metrics
from ingest.noted import ERROR, PROBLEM, STATUS, request_id
from ingest.problems import Unavailable
from ingest.tracing import Tracing


class Observed:
    """Stands in front of the routes, so that it sees what no route is for, too."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, tracing: Tracing | None, *, slow_seconds: float
    ) -> None:
        """Wrap the whole application.

        Args:
            app: what is wrapped.
            metrics: where requests are counted.
            tracing: makes their spans, where it is configured.
            slow_seconds: a request that takes longer is logged.
        """
        self._app = app
        self._metrics = metrics
        self._tracing = tracing
        self._slow_seconds = slow_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        trace_id = None
        try:
            if self._tracing is None:
                await self._app(scope, receive, send)
            else:
                with self._tracing.request(scope) as trace_id:
                    await self._app(scope, receive, send)
        finally:
            seconds = perf_counter() - started
            self._metrics.count(scope, seconds)
            status = scope["state"].get(STATUS, 0)
            is_fault = not status or status >= HTTP_500_INTERNAL_SERVER_ERROR
            if is_fault or seconds > self._slow_seconds:
                _log(scope, status, seconds, trace_id)


def _log(scope: HTTPScope, status: int, seconds: float, trace_id: str | None) -> None:
    state = scope["state"]
    who = scope.get("user")
    problem = state.get(PROBLEM)
    error = state.get(ERROR)
    fields: dict[str, Any] = {
        "request_id": request_id(scope),
        "trace_id": trace_id,
        "method": scope["method"] if "path_template" in scope else None,
        "route": scope.get("path_template", UNMATCHED),
        "status": status or None,
        "code": problem.code if problem else None,
        "seconds": round(seconds, 3),
        "account_id": who.account_id if isinstance(who, Identity) else None,
    }
    if not status:
        tell(logging.WARNING, "request_unanswered", **fields)
    elif status < HTTP_500_INTERNAL_SERVER_ERROR:
        tell(logging.WARNING, "request_slow", **fields)
    elif isinstance(problem, Unavailable):
        # Under overload there are many, and where they arose says nothing.
        cause = error.__cause__ if error else None
        fields["detail"] = problem.detail
        fields["because"] = type(cause).__name__ if cause else None
        tell(logging.WARNING, "request_refused", **fields)
    else:
        tell(logging.ERROR, "request_failed", error, **fields)
