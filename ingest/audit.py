"""One line in the log for each answer that holds personal data, and for each that was refused.

The line says who asked for what, never what they got: ids, windows and numbers, no names and no
comments. It is JSON, of the logger `upshot.audit`, on standard error unless logging is configured
otherwise.
"""

import logging
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response
from msgspec import UNSET, Struct, UnsetType

from ingest.auth import Identity
from ingest.noted import request_id
from ingest.problems import Forbidden, ProblemDetails, answer_problem

logger = logging.getLogger("upshot.audit")

PERSONAL = "holds_personal_data"
"""Marks a handler whose answers do, with what they are."""


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    at: datetime
    what: str
    account_id: UUID
    user_id: UUID
    """Who asked: the token's."""
    role: str
    request_id: str
    """The answer's `X-Request-Id`, or the `instance` of a refusal."""
    rows: int | UnsetType = UNSET
    """How many of them were answered."""
    asked: dict[str, Any] | UnsetType = UNSET
    """The filters that are ids, days, numbers or one of a few words."""
    refused: str | UnsetType = UNSET
    """The problem's code."""


def note_reading(request: Request[Identity, Any, Any], rows: int, **asked: object) -> None:
    """Write the line of an answer.

    Args:
        request: that is answered.
        rows: how many there are in the answer.
        asked: the filters that name nobody and quote nothing; None is left out.
    """
    _write(
        request,
        request_id(request.scope),
        rows=rows,
        asked={name: value for name, value in asked.items() if value is not None} or UNSET,
    )


def answer_refusal(request: Request[Any, Any, Any], error: Forbidden) -> Response[ProblemDetails]:
    """Answer, and write a line if it was personal data that a valid token asked for."""
    answer = answer_problem(request, error)
    if PERSONAL in request.route_handler.opt and isinstance(request.scope.get("user"), Identity):
        _write(request, str(answer.content.instance), refused=error.code)
    return answer


def start_auditing() -> None:
    """Have the lines go to standard error, unless somebody has said where they go."""
    logger.setLevel(logging.INFO)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        # A line is JSON and nothing else: whatever else handles logs would dress it up.
        logger.propagate = False


def _write(request: Request[Identity, Any, Any], found_by: str, **more: Any) -> None:
    who = request.user
    line = Line(
        at=datetime.now(UTC),
        what=request.route_handler.opt[PERSONAL],
        account_id=who.account_id,
        user_id=who.user_id,
        role=who.role,
        request_id=found_by,
        **more,
    )
    logger.info(msgspec.json.encode(line).decode())
