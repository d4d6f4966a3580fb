"""From the bytes of a batch to valid events, and from there to one answer per item.

`POST /events`, `upshot load` and the demo all go through here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ingest.body import decode
from ingest.problems import (
    AccountNotFound,
    Forbidden,
    MalformedBody,
    Problem,
    ProblemDetails,
    TooLarge,
    Unavailable,
    invalid,
)
from ingest.schema import (
    AccountUpsertedEvent,
    AnyEvent,
    FlowUpsertedEvent,
    Out,
    SessionCompletedEvent,
    SessionStartedEvent,
    StepVisitedEvent,
    UserUpsertedEvent,
)
from ingest.settings import Settings
from ingest.store.batches import store_events
from ingest.store.database import Database

FUTURE = timedelta(hours=24)
"""How far ahead of ours a client's clock may be."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

_EVENT: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_DEFAULT_TIMES: dict[type, str] = {
    SessionStartedEvent: "started_at",
    SessionCompletedEvent: "completed_at",
    StepVisitedEvent: "visited_at",
}
"""The times that are the event's own when they are left out."""


class Counts(Out, frozen=True):
    created: int = 0
    duplicate: int = 0
    rejected: int = 0
    retry: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            created=self.created + other.created,
            duplicate=self.duplicate + other.duplicate,
            rejected=self.rejected + other.rejected,
            retry=self.retry + other.retry,
        )


class ItemResult(Out, frozen=True):
    """What became of one item. `retry`: it failed for our reasons; send it again."""

    index: int
    id: UUID | None
    status: int
    result: Literal["created", "duplicate", "rejected", "retry"]
    problem: ProblemDetails | UnsetType = UNSET


class BatchAnswer(Out, frozen=True):
    """One result per item, in the order they came in."""

    received_at: datetime
    counts: Counts
    items: list[ItemResult]


class Sender(Struct, frozen=True, kw_only=True):
    """For whom events are taken in, and what they may say."""

    account_id: UUID
    grants_super_admin: bool = False


def split_array(body: bytes) -> list[bytes]:
    """Cut a JSON array into its items, unread.

    Raises:
        MalformedBody: it is no JSON array in UTF-8.

    """
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise MalformedBody(f"The body is not UTF-8: {error.reason}.") from None
    try:
        return [bytes(item) for item in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except msgspec.ValidationError:
        raise MalformedBody("The body has to be an array of events.") from None
    except msgspec.DecodeError as error:
        raise MalformedBody(f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise MalformedBody("The body is nested too deeply.") from None


def check_clock(moment: datetime, now: datetime, pointer: str) -> datetime:
    """Return the moment in UTC.

    Raises:
        Invalid: it is before 1970, or more than 24 hours ahead of our clock.

    """
    # Compared before it is converted: year 1 with an offset has no UTC.
    if moment > now + FUTURE:
        raise invalid(pointer, "The time is more than 24 hours in the future.")
    if moment < EARLIEST:
        raise invalid(pointer, "The time is before 1970.")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


async def take(
    database: Database,
    settings: Settings,
    sender: Sender,
    items: Sequence[bytes],
    *,
    now: datetime,
) -> BatchAnswer:
    """Read, judge and store one batch.

    Raises:
        Unavailable: nothing was stored.

    """
    judged = judge(items, settings, sender, await database.time_zones(), now)
    events = [event for event in judged if not isinstance(event, Problem)]
    stored = iter(await store_events(database, sender.account_id, events, now) if events else ())
    results = [
        _result(
            index,
            _id(item) if isinstance(event, Problem) else event.id,
            event if isinstance(event, Problem) else next(stored),
            settings,
        )
        for index, (item, event) in enumerate(zip(items, judged, strict=True))
    ]
    tally: list[str] = [result.result for result in results]
    return BatchAnswer(
        received_at=now,
        counts=Counts(**{name: tally.count(name) for name in Counts.__struct_fields__}),
        items=results,
    )


def judge(
    items: Sequence[bytes],
    settings: Settings,
    sender: Sender,
    zones: frozenset[str],
    now: datetime,
) -> list[AnyEvent | Problem]:
    """Read every item: an event, or the problem because of which it cannot be accepted."""
    judged: list[AnyEvent | Problem] = []
    for item in items:
        try:
            judged.append(read_event(item, settings, sender, zones, now))
        except Problem as problem:
            judged.append(problem)
    return judged


def read_event(
    item: bytes, settings: Settings, sender: Sender, zones: frozenset[str], now: datetime
) -> AnyEvent:
    """Decode and judge one event; its times come back in UTC, with their defaults filled in.

    Raises:
        Problem: it cannot be accepted.

    """
    if len(item) > settings.max_item_bytes:
        raise TooLarge(f"An item may have {settings.max_item_bytes} bytes.")
    event = _in_utc(decode(item, _EVENT), now)
    match event:
        case AccountUpsertedEvent(data=data):
            if data.account_id != sender.account_id:
                raise AccountNotFound("The event names another account.")
            check_zone(data.time_zone, zones, "/data/time_zone")
        case UserUpsertedEvent(data=data):
            if data.role == "super_admin" and not sender.grants_super_admin:
                raise Forbidden("Only a super_admin grants super_admin.")
        case FlowUpsertedEvent(data=data):
            check_steps([step.step_id for step in data.steps], "/data/steps")
    return event


def check_zone(name: str, zones: frozenset[str], pointer: str) -> None:
    """Raise Invalid unless days can be computed in the zone."""
    if name not in zones:
        raise invalid(pointer, "The time zone is not a known IANA name.")


def check_steps(step_ids: Sequence[str], pointer: str) -> None:
    """Raise Invalid if a flow names a step twice."""
    for index, step_id in enumerate(step_ids):
        if step_id in step_ids[:index]:
            raise invalid(f"{pointer}/{index}/step_id", "The flow names this step twice.")


def _in_utc(event: AnyEvent, now: datetime) -> AnyEvent:
    occurred_at = check_clock(event.occurred_at, now, "/occurred_at")
    data: Any = event.data
    if name := _DEFAULT_TIMES.get(type(event)):
        said = getattr(data, name)
        moment = occurred_at if said is None else check_clock(said, now, f"/data/{name}")
        if moment is not said:
            data = msgspec.structs.replace(data, **{name: moment})
    if data is event.data and occurred_at is event.occurred_at:
        return event
    return msgspec.structs.replace(event, occurred_at=occurred_at, data=data)


class _OnlyId(Struct):
    id: UUID | None = None


def _id(item: bytes) -> UUID | None:
    """Return the id of an item that was not accepted, if it can be made out."""
    try:
        return msgspec.json.decode(item, type=_OnlyId).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _result(
    index: int, event_id: UUID | None, outcome: bool | Problem, settings: Settings
) -> ItemResult:
    match outcome:
        case True:
            return ItemResult(index=index, id=event_id, status=201, result="created")
        case False:
            return ItemResult(index=index, id=event_id, status=200, result="duplicate")
        case problem:
            return ItemResult(
                index=index,
                id=event_id,
                status=problem.status,
                result="retry" if isinstance(problem, Unavailable) else "rejected",
                problem=problem.details(settings.public_url),
            )
