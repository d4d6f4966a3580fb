"""What people wrote with their ratings."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from ingest.audit import PERSONAL, note_reading
from ingest.auth import Identity
from ingest.etags import etag_headers, is_known, not_modified, weak_etag
from ingest.lists import ListMeta, list_meta
from ingest.openapi import problems, unchanged
from ingest.paging import (
    FIRST_DAY,
    LAST_DAY,
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
from ingest.schema import Comment, Id, Name, Out, Stars
from ingest.store.comment_lists import CommentFilters, CommentRow, list_comments
from ingest.store.database import Database
from ingest.windows import Asked, AskedFrom, AskedTo, Period, Window, asked_window

AskedPeriod = Annotated[
    Period | None,
    QueryParameter(
        description="That many days ending today, today included. All time when no window is given."
    ),
]
AskedEngineer = Annotated[
    UUID | None,
    QueryParameter(description="Only on this engineer's sessions; for admins, or on one's own."),
]
AskedFlow = Annotated[UUID | None, QueryParameter(description="Only on this flow.")]
AskedRating = Annotated[
    int | None, QueryParameter(ge=1, le=5, description="Only with this rating.")
]
AskedText = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=100,
        description="Only with this text in it, in small letters or capitals.",
    ),
]
AskedOrder = Annotated[
    Literal["newest", "lowest"],
    QueryParameter(description="The newest first, or the lowest rated and of these the newest."),
]
ApiRequest = Request[Identity, None, Any]


class ListedComment(Out, frozen=True):
    """Whose it is and of which session is null where the caller may not know it."""

    rating: Stars
    comment: Comment
    created_at: datetime
    flow_id: Id
    flow_name: Name
    session_id: Id | None
    user_id: Id | None
    user_name: Name | None


class CommentPage(Out, frozen=True):
    comments: list[ListedComment]
    next_cursor: str | None
    """Leads to the next page; null on the last."""
    meta: ListMeta


async def asked_days(
    period: AskedPeriod = None, from_: AskedFrom = None, to: AskedTo = None
) -> Asked:
    return await asked_window(period, from_, to)


class CommentController(Controller):
    path = "/comments"
    tags = ("Comments",)

    @get(
        dependencies={"asked": asked_days},
        operation_id="listComments",
        summary="What people wrote",
        responses=problems() | unchanged(),
        opt={PERSONAL: "comments"},
    )
    async def comments(
        self,
        request: ApiRequest,
        database: NamedDependency[Database],
        asked: NamedDependency[Asked],
        flow_id: AskedFlow = None,
        engineer_id: AskedEngineer = None,
        rating: AskedRating = None,
        q: AskedText = None,
        order: AskedOrder = "newest",
        limit: AskedLimit = 50,
        cursor: AskedCursor = None,
    ) -> Response[CommentPage]:
        """Comments given on the days of the window, page by page.

        `team_admin` and `super_admin` read all of them, an engineer those on their own sessions.
        Others' are shown without person and session, of flows that at least 5 people have rated.
        """
        account_id, viewer = request.user.account_id, Viewer.of(request.user)
        filters = CommentFilters(
            user_id=_whose(viewer, engineer_id), flow_id=flow_id, rating=rating, text=_text(q)
        )
        of = digest("comments", account_id, viewer, asked, filters, order)
        start = _starting(asked, read_cursor(cursor, of), of)
        calendar, found = await list_comments(
            database,
            account_id,
            viewer,
            filters,
            start,
            most=limit + 1,
            lowest_first=order == "lowest",
        )
        first = start(calendar.today)
        window = _window(asked, first)
        rows = [_listed(row) for row in found[:limit]]
        next_cursor = _next(first, found[limit - 1]) if len(found) > limit else None
        tag = weak_etag("comments", rows, next_cursor, window, calendar.time_zone)
        if is_known(request.headers.get("if-none-match"), tag):
            return not_modified(tag)
        note_reading(
            request,
            len(rows),
            day_from=window and window.day_from,
            day_to=window and window.day_to,
            flow_id=flow_id,
            engineer_id=engineer_id,
            rating=rating,
            order=order,
            is_search=q is not None,
        )
        page = CommentPage(comments=rows, next_cursor=next_cursor, meta=list_meta(calendar, window))
        return Response(page, headers=etag_headers(tag))


def _whose(viewer: Viewer, engineer_id: UUID | None) -> UUID | None:
    """Return whose comments to look for: by the filter one could tell whose the others are."""
    if engineer_id is not None and not viewer.sees_all and engineer_id != viewer.own_id:
        raise Forbidden("Only admins may ask for the comments on another's sessions.")
    return engineer_id


def _text(q: str | None) -> str:
    if q is not None and "\0" in q:
        raise invalid("/q", "A text holds a NUL character.")
    return q or ""


def _starting(asked: Asked, last: Position | None, of: str) -> Callable[[date], Position]:
    """Return what says where the page starts: after the last one, else with the newest."""

    def start(today: date) -> Position:
        if last is not None:
            return last
        is_of_all_time = (asked.period, asked.day_from, asked.day_to) == (None, None, None)
        day_from, day_to = (FIRST_DAY, LAST_DAY) if is_of_all_time else asked.days(today)
        return Position(of=of, day_from=day_from, day_to=day_to, at=LAST_MOMENT, id=LAST_ID)

    return start


def _window(asked: Asked, first: Position) -> Window | None:
    if first.is_of_all_time:
        return None
    return Window(day_from=first.day_from, day_to=first.day_to, period=asked.period)


def _next(first: Position, row: CommentRow) -> str:
    return to_cursor(
        Position(
            of=first.of,
            day_from=first.day_from,
            day_to=first.day_to,
            at=row.created_at,
            id=row.event_id,
            rating=row.rating,
        )
    )


def _listed(row: CommentRow) -> ListedComment:
    return ListedComment(
        rating=row.rating,
        comment=row.comment,
        created_at=row.created_at,
        flow_id=row.flow_id,
        flow_name=row.flow_name,
        session_id=row.session_id,
        user_id=row.user_id,
        user_name=row.user_name,
    )
