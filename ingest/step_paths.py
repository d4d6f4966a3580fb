"""Step ids in addresses, as they were written: a slash in one is `%2F`.

Servers decode an address before its route is looked up, and then nobody can tell that slash from
those between the parts. So such an id is taken out of the address first, and put back afterwards.
"""

import re
from urllib.parse import unquote_to_bytes

from litestar.types import ASGIApp, Receive, Scope, Send

_ADDRESS = re.compile(rb"^(.*/api/v1/steps/)([^/]+)(/feedback/?)$")
_SLASH = b"%2f"
_PLACEHOLDER = "-"
_TAKEN_OUT = "upshot_step_id"


class StepIdsTakenOut:
    """The application, which looks for a route after this."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw_path = scope.get("raw_path") or b""
        if _SLASH in raw_path.lower() and (match := _ADDRESS.match(raw_path)):
            before, step_id, after = match.groups()
            scope["path"] = _text(before) + _PLACEHOLDER + _text(after)
            scope.setdefault("state", {})[_TAKEN_OUT] = _text(step_id)
        await self._app(scope, receive, send)


class StepIdsPutBack:
    """Middleware of the handlers that take one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        step_id = scope["state"].get(_TAKEN_OUT)
        if step_id is not None:
            # The router keeps what it found, for the next request with the same address.
            scope["path_params"] = {**scope["path_params"], "step_id": step_id}
        await self._app(scope, receive, send)


def _text(part: bytes) -> str:
    return unquote_to_bytes(part).decode(errors="replace")
