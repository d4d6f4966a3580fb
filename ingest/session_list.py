"""The sessions behind the figures, with the same filters."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from ingest.audit import PERSONAL, note_reading
from ingest.auth import Identity
from ingest.figures import in_minutes
from ingest.lists import ListMeta, list_meta
from ingest.openapi import problems
from ingest.paging import (
    LAST_ID,
    LAST_MOMENT,
    AskedCursor,
    AskedLimit,
    Position,
    digest,
    read_cursor,
    to_cursor,
)
from ingest.privacy import Viewer
from ingest.problems import Forbidden, invalid
from ingest.schema import NO_NUL, Comment, Id, Name, Out, Outcome, Stars
from ingest.store.database import Database
from ingest.store.session_lists import SessionFilters, SessionRow, list_sessions
from ingest.windows import LONGEST_WINDOW, Asked, Window, asked_window

YesOrNo = Literal["true", "false"]

AskedEngineer = Annotated[
    UUID | None, QueryParameter(description="Only this engineer's; an engineer has only their own.")
]
AskedFlow = Annotated[UUID | None, QueryParameter(description="Only of this flow.")]
AskedOutcome = Annotated[
    Literal["resolved", "escalated", "workaround", "unresolved", "none"] | None,
    QueryParameter(description="Only with this outcome; `none`: completed without one."),
]
AskedCompleted = Annotated[
    YesOrNo | None, QueryParameter(description="Only those that are completed, or that are not.")
]
AskedRated = Annotated[
    YesOrNo | None, QueryParameter(description="Only those with a rating, or without one.")
]
AskedRating = Annotated[int | None, QueryParameter(ge=1, le=5, description="Only those rated so.")]
AskedWeekday = Annotated[
    int | None,
    QueryParameter(ge=1, le=7, description="Only those that started on it; 1 is Monday."),
]
AskedHour = Annotated[
    int | None,
    # The framework's document leaves out a limit of 0.
    QueryParameter(gt=-1, le=23, description="Only those that started in this hour of a day."),
]
AskedStep = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=200,
        pattern=NO_NUL,
        description=(
            "Only those that reached this step, or, with `was_helpful` or `dated_by=vote`, those"
            " with a vote on it; its id is unique in its flow."
        ),
    ),
]
AskedLastStep = Annotated[
    YesOrNo | None,
    QueryParameter(
        description="With `step_id`: only those that went no further, or that went on from there."
    ),
]
AskedVote = Annotated[
    YesOrNo | None,
    QueryParameter(
        description=(
            "With `step_id`: only those in which somebody found this step helpful, or did not, by"
            " the vote that stands."
        )
    ),
]
AskedDate = Annotated[
    Literal["start", "rating", "vote"],
    QueryParameter(
        description=(
            "Which day of a session has to be in the window: the one it started on, the one it was"
            " rated on, as the figures of ratings have it, or, with `step_id`, the one that a vote"
            " on this step was last cast on, as those of votes have it: the vote that `was_helpful`"
            " asks for, or else any."
        )
    ),
]
AskedTotal = Annotated[
    YesOrNo, QueryParameter(description="Whether to count all of them, on every page.")
]
ApiRequest = Request[Identity, None, Any]


class ListedSession(Out, frozen=True):
    session_id: Id
    flow_id: Id
    flow_name: Name
    user_id: Id
    user_name: Name
    started_at: datetime
    completed_at: datetime | None
    outcome: Outcome | None
    duration_minutes: float | None
    """To 1 decimal; null until it is completed."""
    steps_reached: int
    """How many different steps were visited."""
    rating: Stars | None
    comment: Comment | None
    """Null where the caller may not read it, too."""
    rated_at: datetime | None


class SessionPage(Out, frozen=True):
    """Newest first."""

    sessions: list[ListedSession]
    total: int | None
    """How many the filters let through, if that was asked for."""
    next_cursor: str | None
    """Leads to the next page; null on the last."""
    meta: ListMeta


class SessionListController(Controller):
    path = "/sessions"
    tags = ("Sessions",)

    @get(
        dependencies={"asked": asked_window},
        operation_id="listSessions",
        summary="The sessions behind the figures",
        responses=problems(),
        opt={PERSONAL: "sessions"},
    )
    async def sessions(
        self,
        request: ApiRequest,
        database: NamedDependency[Database],
        asked: NamedDependency[Asked],
        engineer_id: AskedEngineer = None,
        flow_id: AskedFlow = None,
        outcome: AskedOutcome = None,
        completed: AskedCompleted = None,
        rated: AskedRated = None,
        rating: AskedRating = None,
        weekday: AskedWeekday = None,
        hour: AskedHour = None,
        step_id: AskedStep = None,
        step_was_last: AskedLastStep = None,
        was_helpful: AskedVote = None,
        dated_by: AskedDate = "start",
        limit: AskedLimit = 50,
        cursor: AskedCursor = None,
        total: AskedTotal = "false",
    ) -> SessionPage:
        """Those that started on the days of the window, the newest start first, page by page.

        With the same window and filters there are as many as the figures count. Comments are shown
        to `team_admin`, `super_admin` and the engineer whose session it was.
        """
        who = request.user
        if step_id is None:
            _refuse_what_needs_a_step(step_was_last, was_helpful, dated_by)
        filters = SessionFilters(
            user_id=_whose(who, engineer_id),
            flow_id=flow_id,
            outcome=outcome or "",
            completed=_is_yes(completed),
            ratings=_ratings(rated, rating),
            weekday=weekday,
            hour=hour,
            step_id=step_id,
            step_was_last=_is_yes(step_was_last),
            was_helpful=_is_yes(was_helpful),
            dated_by=dated_by,
        )
        of = digest("sessions", who.account_id, asked, filters)
        start = _starting(asked, read_cursor(cursor, of), of)
        calendar, found = await list_sessions(
            database,
            who.account_id,
            Viewer.of(who),
            filters,
            start,
            most=limit + 1,
            is_counted=total == "true",
        )
        first = start(calendar.today)
        window = Window(day_from=first.day_from, day_to=first.day_to, period=_period(asked))
        rows = found.sessions[:limit]
        note_reading(
            request,
            len(rows),
            day_from=window.day_from,
            day_to=window.day_to,
            engineer_id=filters.user_id,
            flow_id=flow_id,
            outcome=outcome,
            completed=completed,
            rated=rated,
            rating=rating,
            weekday=weekday,
            hour=hour,
            step_id=step_id,
            step_was_last=step_was_last,
            was_helpful=was_helpful,
            dated_by=None if dated_by == "start" else dated_by,
        )
        return SessionPage(
            sessions=[_listed(row) for row in rows],
            total=found.total,
            next_cursor=_next(first, rows[-1]) if len(found.sessions) > limit else None,
            meta=list_meta(calendar, window),
        )


def _whose(who: Identity, engineer_id: UUID | None) -> UUID | None:
    if who.role != "engineer":
        return engineer_id
    if engineer_id not in (None, who.user_id):
        raise Forbidden("Engineers see their own sessions only.")
    return who.user_id


def _is_yes(text: YesOrNo | None) -> bool | None:
    return None if text is None else text == "true"


def _refuse_what_needs_a_step(
    was_last: YesOrNo | None, was_helpful: YesOrNo | None, dated_by: str
) -> None:
    asked = {
        "step_was_last": was_last is not None,
        "was_helpful": was_helpful is not None,
        "dated_by": dated_by == "vote",
    }
    for name, needs_step in asked.items():
        if needs_step:
            raise invalid(f"/{name}", "Which step? Name it with step_id.")


def _ratings(rated: YesOrNo | None, rating: int | None) -> frozenset[int] | None:
    """Return which ratings both parameters let through; 0 stands for none."""
    if rated is None and rating is None:
        return None
    by_presence = {None: range(6), "true": range(1, 6), "false": range(1)}[rated]
    return frozenset(by_presence if rating is None else {rating} & {*by_presence})


def _period(asked: Asked) -> Literal["7d", "30d", "90d"] | None:
    return (asked.period or "30d") if asked.day_from is None else None


def _starting(asked: Asked, last: Position | None, of: str) -> Callable[[date], Position]:
    """Return what says where the page starts: after the last one, else at the window's end."""

    def start(today: date) -> Position:
        if last is None:
            day_from, day_to = asked.days(today)
            return Position(of=of, day_from=day_from, day_to=day_to, at=LAST_MOMENT, id=LAST_ID)
        if not 0 <= (last.day_to - last.day_from).days < LONGEST_WINDOW:
            raise invalid("/cursor", "The cursor is none that this list has given.")
        return last

    return start


def _next(first: Position, row: SessionRow) -> str:
    return to_cursor(
        Position(
            of=first.of,
            day_from=first.day_from,
            day_to=first.day_to,
            at=row.started_at,
            id=row.session_id,
        )
    )


def _listed(row: SessionRow) -> ListedSession:
    return ListedSession(
        session_id=row.session_id,
        flow_id=row.flow_id,
        flow_name=row.flow_name,
        user_id=row.user_id,
        user_name=row.user_name,
        started_at=row.started_at,
        completed_at=row.completed_at,
        outcome=row.outcome,
        duration_minutes=(
            None if row.completed_at is None else in_minutes(row.duration_microseconds)
        ),
        steps_reached=row.steps_reached,
        rating=row.rating,
        comment=row.comment,
        rated_at=row.rated_at,
    )
