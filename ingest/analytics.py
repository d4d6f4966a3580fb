"""The figures of a team, an engineer and a flow, in the shapes of the first front end."""

from collections.abc import Sequence
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
from ingest.store.corrections import DayRow, FlowRow
from ingest.store.reads import Moment, Reads

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

    as_of: datetime
    """The moment whose state the figures show."""
    data_through: datetime | None
    """When the newest event in them was received."""
    pending: int
    """How many sessions had changed since the last refresh, and were recomputed for this answer."""
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

    def days(self, today: date) -> tuple[date, date]:
        """Return the first and the last of the days it means today; see `resolve`."""
        window = self.resolve(today)
        return window.day_from, window.day_to

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
        responses=problems(),
    )
    async def team(
        self,
        request: ApiRequest,
        reads: NamedDependency[Reads],
        asked: NamedDependency[Asked],
        engineer_id: AskedEngineer = None,
    ) -> TeamAnalytics:
        """Figures of the whole account, or of one of its engineers."""
        who = request.user
        moment, figures = await reads.account(who.account_id, asked.days, TOP, user_id=engineer_id)
        window = asked.resolve(moment.today)
        return TeamAnalytics(
            summary=_summary(figures.days),
            time_series=_series(figures.days, window),
            top_flows=_top_flows(figures.flows),
            top_engineers=[
                TopEngineer(
                    user_id=row.user_id,
                    name=row.name,
                    sessions=row.sessions,
                    completion_rate=rate(row.completed, row.sessions),
                    avg_duration_minutes=average_minutes(row.duration_microseconds, row.completed),
                )
                for row in figures.engineers
            ],
            meta=_meta(moment, window),
        )

    @get("/me", operation_id="getOwnAnalytics", summary="The caller", responses=problems())
    async def me(
        self,
        request: ApiRequest,
        reads: NamedDependency[Reads],
        asked: NamedDependency[Asked],
    ) -> OwnAnalytics:
        """Figures of the caller's own sessions."""
        who = request.user
        moment, figures = await reads.account(who.account_id, asked.days, TOP, user_id=who.user_id)
        window = asked.resolve(moment.today)
        return OwnAnalytics(
            summary=_summary(figures.days),
            time_series=_series(figures.days, window),
            top_flows=_top_flows(figures.flows),
            meta=_meta(moment, window),
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
        reads: NamedDependency[Reads],
        asked: NamedDependency[Asked],
        flow_id: FromPath[UUID],
    ) -> FlowAnalytics:
        """Figures of a flow, the votes on its steps, and its newest comments of all time."""
        moment, figures = await reads.flow(
            request.user.account_id, asked.days, TOP, flow_id=flow_id
        )
        if not figures.is_known:
            raise FlowNotFound("There is no such flow.")
        window = asked.resolve(moment.today)
        ratings = sum(day.ratings for day in figures.days)
        return FlowAnalytics(
            summary=_summary(figures.days),
            avg_csat=average(sum(day.rating_points for day in figures.days), ratings),
            total_ratings=ratings,
            time_series=_series(figures.days, window),
            step_feedback=[
                StepVotes(
                    node_id=step.step_id,
                    node_title=step.title,
                    helpful_yes=step.helpful_yes,
                    helpful_no=step.helpful_no,
                    helpful_rate=rate(step.helpful_yes, step.helpful_yes + step.helpful_no),
                )
                for step in figures.steps
            ],
            recent_comments=[
                RecentComment(
                    rating=comment.rating,
                    comment=comment.comment,
                    user_name=comment.user_name,
                    created_at=comment.created_at,
                )
                for comment in figures.comments
            ],
            meta=_meta(moment, window),
        )


def _meta(moment: Moment, window: Window) -> Meta:
    warnings = []
    if moment.data_through is None:
        warnings.append("Nothing has been received from this account yet.")
    if moment.is_too_much:
        warnings.append(
            "So much has changed since the last refresh that all was computed from the raw events."
            " The figures are exact; the answer took longer than usual."
        )
    return Meta(
        as_of=moment.as_of,
        data_through=moment.data_through,
        pending=moment.sessions,
        window=window,
        time_zone=moment.time_zone,
        partial_day=moment.today if window.day_from <= moment.today <= window.day_to else None,
        warnings=warnings,
    )


def _summary(days: Sequence[DayRow]) -> Summary:
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


def _series(days: Sequence[DayRow], window: Window) -> list[Day]:
    """Return every day of the window, with zeros where nothing started."""
    found = {day.day: day for day in days}
    length = (window.day_to - window.day_from).days + 1
    calendar = [window.day_from + timedelta(days=each) for each in range(length)]
    return [
        Day(
            date=day,
            sessions=found[day].sessions,
            resolved=found[day].resolved,
            escalated=found[day].escalated,
            workaround=found[day].workaround,
            unresolved=found[day].unresolved,
        )
        if day in found
        else Day(date=day, sessions=0, resolved=0, escalated=0, workaround=0, unresolved=0)
        for day in calendar
    ]


def _top_flows(rows: list[FlowRow]) -> list[TopFlow]:
    return [
        TopFlow(
            tree_id=row.flow_id,
            name=row.name,
            sessions=row.sessions,
            completion_rate=rate(row.completed, row.sessions),
            avg_duration_minutes=average_minutes(row.duration_microseconds, row.completed),
            avg_csat=average(row.rating_points, row.ratings),
        )
        for row in rows
    ]
