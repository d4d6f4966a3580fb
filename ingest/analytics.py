"""The figures of a team, an engineer and a flow, in the shapes of the first front end."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from ingest.auth import ADMINS, Identity, only
from ingest.figures import average, average_minutes, rate
from ingest.openapi import problems
from ingest.problems import FlowNotFound, invalid
from ingest.schema import Out
from ingest.store import reads
from ingest.store.database import Connection, Database
from ingest.store.reads import Clock, DayRow, Scope

Period = Literal["7d", "30d", "90d"]
LONGEST_WINDOW = 1_100
TOP = 10

AskedPeriod = Annotated[
    Period | None,
    QueryParameter(
        description="That many days ending today, today included. 30d when no window is given."
    ),
]
AskedFrom = Annotated[
    date | None,
    QueryParameter(name="from", description="First day, in the account's time zone."),
]
AskedTo = Annotated[
    date | None,
    QueryParameter(name="to", description="Last day, in the account's time zone; included."),
]
AskedEngineer = Annotated[
    UUID | None, QueryParameter(description="Count this engineer's sessions only.")
]
ApiRequest = Request[Identity, None, Any]


class Window(Out, rename={"day_from": "from", "day_to": "to"}, frozen=True):
    """Both days are in it."""

    day_from: date
    day_to: date
    period: Period | None


class Meta(Out, frozen=True):
    """How to read the figures beside it."""

    as_of: datetime | None
    """The moment whose state the figures show."""
    data_through: datetime | None
    """When the newest event in them was received."""
    window: Window
    time_zone: str
    partial_day: date | None
    """The day of the window that is not over yet."""
    warnings: list[str]


class OutcomeBreakdown(Out, frozen=True):
    resolved: int
    escalated: int
    workaround: int
    unresolved: int


class Summary(Out, frozen=True):
    total_sessions: int
    completed_sessions: int
    completion_rate: float
    avg_duration_minutes: float
    outcome_breakdown: OutcomeBreakdown


class Day(Out, frozen=True):
    date: date
    sessions: int
    resolved: int
    escalated: int
    workaround: int
    unresolved: int


class TopFlow(Out, frozen=True):
    tree_id: UUID
    name: str
    sessions: int
    completion_rate: float
    avg_duration_minutes: float
    avg_csat: float | None


class TopEngineer(Out, frozen=True):
    user_id: UUID
    name: str
    sessions: int
    completion_rate: float
    avg_duration_minutes: float


class StepVotes(Out, frozen=True):
    node_id: str
    node_title: str
    helpful_yes: int
    helpful_no: int
    helpful_rate: float


class RecentComment(Out, frozen=True):
    rating: int
    comment: str
    user_name: str
    created_at: datetime


class TeamAnalytics(Out, frozen=True):
    summary: Summary
    time_series: list[Day]
    top_flows: list[TopFlow]
    top_engineers: list[TopEngineer]
    meta: Meta


class OwnAnalytics(Out, frozen=True):
    summary: Summary
    time_series: list[Day]
    top_flows: list[TopFlow]
    meta: Meta


class FlowAnalytics(Out, frozen=True):
    summary: Summary
    avg_csat: float | None
    total_ratings: int
    time_series: list[Day]
    step_feedback: list[StepVotes]
    recent_comments: list[RecentComment]
    meta: Meta


class Asked(Struct, frozen=True, kw_only=True):
    """The window as the request names it."""

    period: Period | None
    day_from: date | None
    day_to: date | None

    def resolve(self, today: date) -> Window:
        """Return the days it means today.

        Raises:
            Invalid: it names a period and days, half a window, or one that is too long.

        """
        if self.day_from is None and self.day_to is None:
            period = self.period or "30d"
            days = int(period.removesuffix("d"))
            return Window(day_from=today - timedelta(days=days - 1), day_to=today, period=period)
        if self.period is not None:
            raise invalid("/period", "Give a period, or from and to, not both.")
        if self.day_from is None or self.day_to is None:
            missing = "/from" if self.day_from is None else "/to"
            raise invalid(missing, "A window needs both from and to.")
        if self.day_to < self.day_from:
            raise invalid("/to", "The window ends before it begins.")
        if (self.day_to - self.day_from).days >= LONGEST_WINDOW:
            raise invalid("/to", f"A window has at most {LONGEST_WINDOW} days.")
        return Window(day_from=self.day_from, day_to=self.day_to, period=None)


async def asked_window(
    period: AskedPeriod = None, from_: AskedFrom = None, to: AskedTo = None
) -> Asked:
    return Asked(period=period, day_from=from_, day_to=to)


class AnalyticsController(Controller):
    path = "/analytics"
    tags = ("Analytics",)
    dependencies = {"asked": asked_window}  # noqa: RUF012 - the framework declares it so

    @get(
        "/team",
        guards=[only(*ADMINS)],
        operation_id="getTeamAnalytics",
        summary="A team",
        responses=problems(403),
    )
    async def team(
        self,
        request: ApiRequest,
        database: NamedDependency[Database],
        asked: NamedDependency[Asked],
        engineer_id: AskedEngineer = None,
    ) -> TeamAnalytics:
        """Figures of the whole account, or of one of its engineers."""
        async with database.reading() as connection:
            scope, meta = await _resolve(connection, request.user, asked, user_id=engineer_id)
            days = await reads.outcomes_by_day(connection, scope)
            return TeamAnalytics(
                summary=_summary(days),
                time_series=_series(days),
                top_flows=await _top_flows(connection, scope),
                top_engineers=await _top_engineers(connection, scope),
                meta=meta,
            )

    @get("/me", operation_id="getOwnAnalytics", summary="The caller", responses=problems())
    async def me(
        self,
        request: ApiRequest,
        database: NamedDependency[Database],
        asked: NamedDependency[Asked],
    ) -> OwnAnalytics:
        """Figures of the caller's own sessions."""
        async with database.reading() as connection:
            scope, meta = await _resolve(
                connection, request.user, asked, user_id=request.user.user_id
            )
            days = await reads.outcomes_by_day(connection, scope)
            return OwnAnalytics(
                summary=_summary(days),
                time_series=_series(days),
                top_flows=await _top_flows(connection, scope),
                meta=meta,
            )

    @get(
        "/flows/{flow_id:uuid}",
        operation_id="getFlowAnalytics",
        summary="A flow",
        responses=problems(404),
    )
    async def flow(
        self,
        request: ApiRequest,
        database: NamedDependency[Database],
        asked: NamedDependency[Asked],
        flow_id: FromPath[UUID],
    ) -> FlowAnalytics:
        """Figures of a flow, the votes on its steps, and its newest comments of all time."""
        account_id = request.user.account_id
        async with database.reading() as connection:
            scope, meta = await _resolve(connection, request.user, asked, flow_id=flow_id)
            if not await reads.flow_is_known(connection, account_id, flow_id):
                raise FlowNotFound("There is no such flow.")
            days = await reads.outcomes_by_day(connection, scope)
            ratings = await reads.ratings_of_flow(connection, scope)
            steps = await reads.step_feedback_of_flow(connection, scope)
            comments = await reads.recent_comments(connection, account_id, flow_id, TOP)
        return FlowAnalytics(
            summary=_summary(days),
            avg_csat=average(ratings.rating_points, ratings.ratings),
            total_ratings=ratings.ratings,
            time_series=_series(days),
            step_feedback=[
                StepVotes(
                    node_id=step.step_id,
                    node_title=step.title,
                    helpful_yes=step.helpful_yes,
                    helpful_no=step.helpful_no,
                    helpful_rate=rate(step.helpful_yes, step.helpful_yes + step.helpful_no),
                )
                for step in steps
            ],
            recent_comments=[
                RecentComment(
                    rating=comment.rating,
                    comment=comment.comment,
                    user_name=comment.user_name,
                    created_at=comment.created_at,
                )
                for comment in comments
            ],
            meta=meta,
        )


async def _resolve(
    connection: Connection,
    who: Identity,
    asked: Asked,
    *,
    user_id: UUID | None = None,
    flow_id: UUID | None = None,
) -> tuple[Scope, Meta]:
    clock: Clock = await reads.clock(connection, who.account_id)
    window = asked.resolve(clock.today)
    scope = Scope(
        account_id=who.account_id,
        day_from=window.day_from,
        day_to=window.day_to,
        user_id=user_id,
        flow_id=flow_id,
    )
    meta = Meta(
        as_of=clock.as_of,
        data_through=clock.data_through,
        window=window,
        time_zone=clock.time_zone,
        partial_day=clock.today if window.day_from <= clock.today <= window.day_to else None,
        warnings=[] if clock.as_of else ["No event of this account has been counted yet."],
    )
    return scope, meta


def _summary(days: list[DayRow]) -> Summary:
    """Add up the days: the summary is the sum of its series by construction."""
    sessions = sum(day.sessions for day in days)
    completed = sum(day.completed for day in days)
    return Summary(
        total_sessions=sessions,
        completed_sessions=completed,
        completion_rate=rate(completed, sessions),
        avg_duration_minutes=average_minutes(
            sum(day.duration_microseconds for day in days), completed
        ),
        outcome_breakdown=OutcomeBreakdown(
            resolved=sum(day.resolved for day in days),
            escalated=sum(day.escalated for day in days),
            workaround=sum(day.workaround for day in days),
            unresolved=sum(day.unresolved for day in days),
        ),
    )


def _series(days: list[DayRow]) -> list[Day]:
    return [
        Day(
            date=day.day,
            sessions=day.sessions,
            resolved=day.resolved,
            escalated=day.escalated,
            workaround=day.workaround,
            unresolved=day.unresolved,
        )
        for day in days
    ]


async def _top_flows(connection: Connection, scope: Scope) -> list[TopFlow]:
    return [
        TopFlow(
            tree_id=row.flow_id,
            name=row.name,
            sessions=row.sessions,
            completion_rate=rate(row.completed, row.sessions),
            avg_duration_minutes=average_minutes(row.duration_microseconds, row.completed),
            avg_csat=average(row.rating_points, row.ratings),
        )
        for row in await reads.top_flows(connection, scope, TOP)
    ]


async def _top_engineers(connection: Connection, scope: Scope) -> list[TopEngineer]:
    return [
        TopEngineer(
            user_id=row.user_id,
            name=row.name,
            sessions=row.sessions,
            completion_rate=rate(row.completed, row.sessions),
            avg_duration_minutes=average_minutes(row.duration_microseconds, row.completed),
        )
        for row in await reads.top_engineers(connection, scope, TOP)
    ]
