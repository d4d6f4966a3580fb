"""The wire: what the API takes in and gives out, and what an event is.

Times are RFC 3339 with an offset; ids are UUIDs, but for step ids, which are strings.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

Id = Annotated[UUID, Meta(examples=["0b8e2f0a-41a8-4a76-8e0b-2f3a9f9d6c11"])]
Name = Annotated[str, Meta(min_length=1, max_length=200, examples=["Router will not connect"])]
NO_NUL = "^[^\x00\ufffd]*$"
"""The pattern of texts in an address: without NUL, which PostgreSQL does not take, and without what
is put in the place of invalid UTF-8."""
StepId = Annotated[str, Meta(min_length=1, max_length=200, examples=["check-cable"])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-03-01T09:30:00Z"])]
Outcome = Annotated[
    Literal["resolved", "escalated", "workaround", "unresolved"], Meta(examples=["resolved"])
]
UserRole = Literal["engineer", "team_admin", "super_admin"]
Stars = Annotated[int, Meta(ge=1, le=5, description="CSAT, 1 to 5", examples=[5])]
Comment = Annotated[str, Meta(max_length=500, examples=["Solved in two minutes."])]


class In(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What comes in: an unknown field is an error, not a silence."""


class Out(Struct, frozen=True, kw_only=True):
    """What goes out."""


# --- the bodies of single calls -----------------------------------------------------------------


class NewSession(In, frozen=True):
    flow_id: Id
    session_id: Id | None = None
    started_at: Moment | None = None
    user_id: Id | None = None


class NewVisit(In, frozen=True):
    step_id: StepId
    visited_at: Moment | None = None


class Completion(In, frozen=True):
    outcome: Outcome
    completed_at: Moment | None = None


class NewRating(In, frozen=True):
    rating: Stars
    comment: Comment | None = None


class Vote(In, frozen=True):
    session_id: Id
    was_helpful: Annotated[bool, Meta(examples=[True])]


class AccountBody(In, frozen=True):
    name: Name
    time_zone: Annotated[str, Meta(description="IANA name", examples=["Europe/Berlin"])]


class UserBody(In, frozen=True):
    name: Name
    role: UserRole


class FlowStep(In, frozen=True):
    step_id: StepId
    title: Name
    position: Annotated[int, Meta(ge=0, le=100_000)]


class FlowBody(In, frozen=True):
    name: Name
    steps: Annotated[list[FlowStep], Meta(max_length=1000)]


# --- the answers to single calls ----------------------------------------------------------------


class Session(Out, frozen=True):
    session_id: Id
    flow_id: Id
    user_id: Id
    started_at: datetime
    completed_at: datetime | None
    outcome: Outcome | None


class Visit(Out, frozen=True):
    session_id: Id
    step_id: str
    visited_at: datetime


class Rating(Out, frozen=True):
    id: Id
    session_id: Id
    rating: Stars
    comment: str | None
    created_at: datetime


class VoteAnswer(Out, frozen=True):
    step_id: str
    was_helpful: bool
    status: Literal["created", "updated"]


# --- events -------------------------------------------------------------------------------------


class AccountUpserted(AccountBody, frozen=True):
    account_id: Id


class UserUpserted(UserBody, frozen=True):
    user_id: Id


class UserErased(In, frozen=True):
    user_id: Id


class FlowUpserted(FlowBody, frozen=True):
    flow_id: Id


class SessionStarted(In, frozen=True):
    session_id: Id
    flow_id: Id
    user_id: Id
    started_at: Moment | None = None


class StepVisited(In, frozen=True):
    session_id: Id
    step_id: StepId
    visited_at: Moment | None = None
    user_id: Id | None = None


class SessionCompleted(In, frozen=True):
    """History from elsewhere may know that a session ended and not how: outcome may be null."""

    session_id: Id
    outcome: Outcome | None = None
    completed_at: Moment | None = None
    user_id: Id | None = None


class SessionRated(In, frozen=True):
    session_id: Id
    rating: Stars
    comment: Comment | None = None
    user_id: Id | None = None


class StepFeedback(In, frozen=True):
    """A vote; null withdraws it. Without a user it is the vote of the session's own user."""

    session_id: Id
    step_id: StepId
    was_helpful: bool | None
    user_id: Id | None = None


class SessionDeleted(In, frozen=True):
    session_id: Id


class Event(In, frozen=True, tag_field="type"):
    """Something that happened, with an id that counts once per account for ever."""

    id: Id
    occurred_at: Moment


class AccountUpsertedEvent(Event, frozen=True, tag="account.upserted"):
    data: AccountUpserted


class UserUpsertedEvent(Event, frozen=True, tag="user.upserted"):
    data: UserUpserted


class UserErasedEvent(Event, frozen=True, tag="user.erased"):
    data: UserErased


class FlowUpsertedEvent(Event, frozen=True, tag="flow.upserted"):
    data: FlowUpserted


class SessionStartedEvent(Event, frozen=True, tag="session.started"):
    data: SessionStarted


class StepVisitedEvent(Event, frozen=True, tag="step.visited"):
    data: StepVisited


class SessionCompletedEvent(Event, frozen=True, tag="session.completed"):
    data: SessionCompleted


class SessionRatedEvent(Event, frozen=True, tag="session.rated"):
    data: SessionRated


class StepFeedbackEvent(Event, frozen=True, tag="step.feedback"):
    data: StepFeedback


class SessionDeletedEvent(Event, frozen=True, tag="session.deleted"):
    data: SessionDeleted


AnyEvent = (
    AccountUpsertedEvent
    | UserUpsertedEvent
    | UserErasedEvent
    | FlowUpsertedEvent
    | SessionStartedEvent
    | StepVisitedEvent
    | SessionCompletedEvent
    | SessionRatedEvent
    | StepFeedbackEvent
    | SessionDeletedEvent
)
