"""Every error that a caller can meet, and the one place that turns it into an answer.

The store and the handlers raise these types; the docstring of each is the public explanation
that `GET /problems/{code}`, the address in its `type`, gives.
"""

import re
from http import HTTPStatus
from typing import Any, ClassVar

from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException
from msgspec import UNSET, Struct, UnsetType

from ingest.noted import ERROR, PROBLEM, request_id

# The framework names the whole address after it.
_MISSING = re.compile(r"Missing required \w+ parameter '(?P<name>\w+)'")

MEDIA_TYPE = "application/problem+json"


class FieldProblem(Struct, frozen=True, kw_only=True):
    pointer: str
    """JSON pointer into the body, or `/name` of a query parameter."""
    detail: str


class ProblemDetails(Struct, frozen=True, kw_only=True):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    instance: str | UnsetType = UNSET
    errors: list[FieldProblem] | UnsetType = UNSET


class Problem(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    code: ClassVar[str]
    title: ClassVar[str]
    retryable: ClassVar[bool] = False
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, detail: str, *errors: FieldProblem) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors

    def answer_headers(self) -> dict[str, str]:
        return dict(self.headers)

    def details(self, public_url: str, instance: str | UnsetType = UNSET) -> ProblemDetails:
        return ProblemDetails(
            type=f"{public_url}/problems/{self.code}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            code=self.code,
            retryable=self.retryable,
            instance=instance,
            errors=list(self.errors) or UNSET,
        )


class MalformedBody(Problem):
    """The body is not what its content type says: it cannot be parsed, is not UTF-8, holds a
    NUL character or is nested too deeply. Nothing was stored.
    """

    status = 400
    code = "malformed_body"
    title = "Malformed body"


class SessionNotCompleted(Problem):
    """Only a completed session can be rated. Complete it first."""

    status = 400
    code = "session_not_completed"
    title = "Session not completed"


class Unauthorized(Problem):
    """The request carries no bearer token, or one that is not valid here."""

    status = 401
    code = "unauthorized"
    title = "Unauthorized"
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Bearer realm="upshot"'}


class Forbidden(Problem):
    """The token's role, or its user, may not do this."""

    status = 403
    code = "forbidden"
    title = "Forbidden"


class NotYourSession(Problem):
    """The session belongs to another user of the account."""

    status = 403
    code = "not_your_session"
    title = "Not your session"


class NotFound(Problem):
    """There is nothing at this address, or it belongs to another account."""

    status = 404
    code = "not_found"
    title = "Not found"


class SessionNotFound(Problem):
    """The account has no such session, or it has not started yet."""

    status = 404
    code = "session_not_found"
    title = "Session not found"


class UserNotFound(Problem):
    """Nothing is held about such a person in the account: they are unknown, or were erased."""

    status = 404
    code = "user_not_found"
    title = "User not found"


class FlowNotFound(Problem):
    """The account has no such flow."""

    status = 404
    code = "flow_not_found"
    title = "Flow not found"


class StepNotFound(Problem):
    """The session's flow has no such step."""

    status = 404
    code = "step_not_found"
    title = "Step not found"


class AccountNotFound(Problem):
    """There is no such account, or it is not the token's own."""

    status = 404
    code = "account_not_found"
    title = "Account not found"


class MartNotFound(Problem):
    """No mart of that name is served. `GET /marts` lists those that are, and why others are not."""

    status = 404
    code = "mart_not_found"
    title = "Mart not found"


class MethodNotAllowed(Problem):
    """The address exists, but not for this method."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class NotAcceptable(Problem):
    """None of the media types in `Accept` is made here."""

    status = 406
    code = "not_acceptable"
    title = "Not acceptable"


class AlreadyRated(Problem):
    """The session has its rating; the first one stands. Take it as delivered."""

    status = 409
    code = "already_rated"
    title = "Already rated"


class SessionConflict(Problem):
    """The session id is taken by a session with other content."""

    status = 409
    code = "session_conflict"
    title = "Session conflict"


class AlreadyCompleted(Problem):
    """The session was completed with another outcome."""

    status = 409
    code = "already_completed"
    title = "Already completed"


class Erased(Problem):
    """The user or session was erased, which is final: its id cannot be used again."""

    status = 409
    code = "erased"
    title = "Erased"


class TooLarge(Problem):
    """The body, the batch or an item of it is larger than this service takes."""

    status = 413
    code = "too_large"
    title = "Too large"


class UnsupportedMediaType(Problem):
    """The content type is not one that this address reads."""

    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


class UnsupportedEncoding(UnsupportedMediaType):
    """The body's content encoding is not one that is read here: send it as it is, or in gzip."""

    code = "unsupported_encoding"
    title = "Unsupported content encoding"
    headers: ClassVar[dict[str, str]] = {"Accept-Encoding": "gzip, identity"}


class Invalid(Problem):
    """The request was understood and breaks a rule; `errors` points at each place."""

    status = 422
    code = "invalid"
    title = "Invalid"


class EventIdReused(Problem):
    """An event id counts once per account for ever, and this one came with another payload."""

    status = 422
    code = "event_id_reused"
    title = "Event id reused"


class QuotaExceeded(Problem):
    """The account has sent as many events as it may for now; nothing of this request was stored.
    Send it again after as many seconds as `Retry-After` says.
    """

    status = 429
    code = "quota_exceeded"
    title = "Quota exceeded"
    retryable = True

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after

    def answer_headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}


class InternalError(Problem):
    """A fault of this service. It is in its log under the instance id."""

    status = 500
    code = "internal_error"
    title = "Internal error"


class Unavailable(Problem):
    """The service cannot do this right now. Nothing was stored: try again later."""

    status = 503
    code = "unavailable"
    title = "Unavailable"
    retryable = True
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class DiskFull(Unavailable):
    """The database has too little room left to take events in. Reading goes on."""

    code = "disk_full"
    title = "Disk full"


class ShuttingDown(Unavailable):
    """One process of the service is about to end; another one takes the request."""

    code = "shutting_down"
    title = "Shutting down"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class MartsNotBuilt(Unavailable):
    """The figures have never been computed in this database: run `upshot refresh`."""

    code = "marts_not_built"
    title = "Marts not built"


def _all(problem: type[Problem]) -> list[type[Problem]]:
    return [each for sub in problem.__subclasses__() for each in (sub, *_all(sub))]


PROBLEMS = {problem.code: problem for problem in _all(Problem)}
"""Every kind of problem by its code."""

BY_STATUS: dict[int, type[Problem]] = {
    400: MalformedBody,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    406: NotAcceptable,
    413: TooLarge,
    415: UnsupportedMediaType,
}


def invalid(pointer: str, detail: str) -> Invalid:
    """Return the problem with one place that breaks a rule."""
    return Invalid(detail, FieldProblem(pointer=pointer, detail=detail))


def answer_problem(request: Request[Any, Any, Any], error: Exception) -> Response[ProblemDetails]:
    """Turn any exception into its problem+json answer."""
    problem = _as_problem(error)
    request.scope["state"] |= {PROBLEM: problem, ERROR: error}
    headers = problem.answer_headers()
    if isinstance(error, HTTPException) and error.headers:
        headers |= error.headers
    return Response(
        problem.details(request.app.state.settings.public_url, request_id(request.scope)),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def _as_problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case ValidationException(extra=[{"key": "data"}]):
            # A body that is there is judged by its own decoder.
            return MalformedBody("The body is empty.")
        case ValidationException(extra=list() as places):
            errors = [
                # A parameter that is a Python keyword carries an underscore there.
                FieldProblem(
                    pointer=f"/{place.get('key', '').rstrip('_')}", detail=place["message"]
                )
                for place in places
            ]
            return Invalid("A parameter of the request is not valid.", *errors)
        case ValidationException() if match := _MISSING.match(error.detail):
            return invalid(f"/{match['name'].rstrip('_')}", "The parameter is missing.")
        case ValidationException():
            return Invalid(error.detail)
        case InternalServerException(detail="client disconnected prematurely"):
            # Nobody is there to read this, and nothing went wrong with us.
            return MalformedBody("The body ended before its announced length.")
        case HTTPException(status_code=404):
            return NotFound("There is nothing at this address.")
        case HTTPException(status_code=status) if status in BY_STATUS:
            return BY_STATUS[status](error.detail)
        case HTTPException(status_code=status) if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return MalformedBody(error.detail)
        case _:
            return InternalError("The service failed to answer; the fault is logged.")
