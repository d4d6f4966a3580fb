"""The figures of a team, an engineer and a flow, in the shapes of the first front end."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import convert
from msgspec.structs import asdict

from ingest.audit import PERSONAL, note_reading
from ingest.auth import ADMINS, Identity, only
from ingest.checks import warnings_of
from ingest.direct_reads import DirectRead
from ingest.figure_answers import answer
from ingest.figures import Figures, Interval, difference, minutes_percentile
from ingest.openapi import problems, unchanged
from ingest.privacy import Viewer
from ingest.problems import FlowNotFound
from ingest.schema import Out
from ingest.store.corrections import AccountFigures, DayRow, FlowRow
from ingest.store.reads import FlowFigures, Found, Moment, PreviousRow, Reads
from ingest.windows import Asked, Window, asked_window

TOP = 10
MOST_TOP = 1_000

AskedEngineer = Annotated[
    UUID | None, QueryParameter(description="Count this engineer's sessions only.")
]
AskedPrevious = Annotated[
    bool,
    QueryParameter(
        description=(
            "Compare with the window before, which is as long and ends at the same point of the"
            " day, to the minute."
        )
    ),
]
AskedTop = Annotated[
    int,
    QueryParameter(ge=1, le=MOST_TOP, description="How many flows, and how many engineers."),
]
ApiRequest = Request[Identity, None, Any]


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


class CsatDistribution(Out, frozen=True):
    rating_1: int
    rating_2: int
    rating_3: int
    rating_4: int
    rating_5: int


class Summary(Out, frozen=True):
    total_sessions: int
    completed_sessions: int
    completion_rate: float
    completion_rate_interval: Interval | None
    avg_duration_minutes: float
    p50_duration_minutes: float | None
    p90_duration_minutes: float | None
    outcome_breakdown: OutcomeBreakdown
    response_rate: float | None
    response_rate_interval: Interval | None
    total_ratings: int
    avg_csat: float | None
    csat_percent: float | None
    csat_percent_interval: Interval | None
    csat_distribution: CsatDistribution
    active_engineers: int | None


class Change(Out, frozen=True):
    """How the figures differ from those of the window before: now minus then."""

    total_sessions: float | None
    completed_sessions: float | None
    completion_rate: float | None
    avg_duration_minutes: float | None
    p50_duration_minutes: float | None
    p90_duration_minutes: float | None
    response_rate: float | None
    total_ratings: float | None
    avg_csat: float | None
    csat_percent: float | None
    active_engineers: float | None


class Previous(Out, rename={"day_from": "from", "day_to": "to"}, frozen=True):
    """The figures of the window before, up to the same point of the day."""

    day_from: date
    day_to: date
    until: str | None
    """When on its last day it ends, if before midnight (HH:MM in the account's time zone)."""
    summary: Summary
    change: Change


class Day(Out, frozen=True):
    date: date
    sessions: int
    resolved: int
    escalated: int
    workaround: int
    unresolved: int
    completed: int
    ratings: int
    avg_csat: float | None


class TopFlow(Out, frozen=True):
    tree_id: UUID
    name: str
    sessions: int
    completion_rate: float
    completion_rate_interval: Interval | None
    avg_duration_minutes: float
    avg_csat: float | None
    ratings: int


class TopEngineer(Out, frozen=True):
    user_id: UUID
    name: str
    sessions: int
    completion_rate: float
    completion_rate_interval: Interval | None
    avg_duration_minutes: float


class StepVotes(Out, frozen=True):
    node_id: str
    node_title: str
    helpful_yes: int
    helpful_no: int
    helpful_rate: float


class Step(Out, frozen=True):
    """A step of the flow, with the sessions of the window that reached it."""

    step_id: str
    title: str
    is_current: bool
    """Whether the flow has it today."""
    visits: int
    entries: int
    completions: int
    drop_offs: int
    drop_off: float | None
    drop_off_interval: Interval | None
    helpful_yes: int
    helpful_no: int
    helpful_rate: float | None
    helpful_rate_interval: Interval | None


class Edge(Out, frozen=True):
    """A way that sessions went from a step straight to the next."""

    step_id: str
    next_step_id: str
    passes: int
    share: float | None
    share_interval: Interval | None


class RecentComment(Out, frozen=True):
    rating: int
    comment: str
    user_name: str
    created_at: datetime


class TeamFigures(Out, frozen=True):
    summary: Summary
    time_series: list[Day]
    top_flows: list[TopFlow]
    top_engineers: list[TopEngineer]
    previous: Previous | None
    """Only where it is asked for, and of an account that is known."""


class TeamAnalytics(TeamFigures, frozen=True):
    meta: Meta


class OwnFigures(Out, frozen=True):
    summary: Summary
    time_series: list[Day]
    top_flows: list[TopFlow]
    previous: Previous | None
    """Only where it is asked for, and of an account that is known."""


class OwnAnalytics(OwnFigures, frozen=True):
    meta: Meta


class FlowFiguresOut(Out, frozen=True):
    tree_id: UUID
    name: str
    summary: Summary
    avg_csat: float | None
    total_ratings: int
    time_series: list[Day]
    step_feedback: list[StepVotes]
    steps: list[Step]
    """Those of today in their order, then those that sessions reached or voted on besides."""
    edges: list[Edge]
    """The most used first."""
    recent_comments: list[RecentComment]
    previous: Previous | None
    """Only where it is asked for, and of an account that is known."""


class FlowAnalytics(FlowFiguresOut, frozen=True):
    meta: Meta


class AnalyticsController(Controller):
    path = "/analytics"
    tags = ("Analytics",)
    middleware = (DirectRead,)

    @get(
        "/team",
        guards=[only(*ADMINS)],
        dependencies={"asked": asked_window},
        operation_id="getTeamAnalytics",
        summary="A team",
        responses=problems() | unchanged(),
        opt={PERSONAL: "team"},
    )
    async def team(
        self,
        request: ApiRequest,
        reads: NamedDependency[Reads],
        asked: NamedDependency[Asked],
        engineer_id: AskedEngineer = None,
        previous: AskedPrevious = False,
        top: AskedTop = TOP,
    ) -> Response[TeamAnalytics]:
        """Figures of the whole account, or of one of its engineers."""
        who = request.user
        defined = await reads.figures(who.account_id)
        found = await reads.account(
            who.account_id, asked.comparing(previous), top, user_id=engineer_id, previous=previous
        )
        window = asked.resolve(found.moment.today)
        return answer(
            request,
            found,
            TeamAnalytics,
            defined,
            figures=lambda: _team(defined, found, window),
            meta=_meta(defined, found.moment, window),
            note=lambda: note_reading(
                request,
                len(found.figures.engineers),
                day_from=window.day_from,
                day_to=window.day_to,
                engineer_id=engineer_id,
            ),
        )

    @get(
        "/me",
        dependencies={"asked": asked_window},
        operation_id="getOwnAnalytics",
        summary="The caller",
        responses=problems() | unchanged(),
    )
    async def me(
        self,
        request: ApiRequest,
        reads: NamedDependency[Reads],
        asked: NamedDependency[Asked],
        previous: AskedPrevious = False,
        top: AskedTop = TOP,
    ) -> Response[OwnAnalytics]:
        """Figures of the caller's own sessions."""
        who = request.user
        defined = await reads.figures(who.account_id)
        found = await reads.account(
            who.account_id, asked.comparing(previous), top, user_id=who.user_id, previous=previous
        )
        window = asked.resolve(found.moment.today)
        return answer(
            request,
            found,
            OwnAnalytics,
            defined,
            figures=lambda: _own(defined, found, window),
            meta=_meta(defined, found.moment, window),
        )

    @get(
        "/flows/{flow_id:uuid}",
        dependencies={"asked": asked_window},
        operation_id="getFlowAnalytics",
        summary="A flow",
        responses=problems(404) | unchanged(),
        opt={PERSONAL: "flow_comments"},
    )
    async def flow(
        self,
        request: ApiRequest,
        reads: NamedDependency[Reads],
        asked: NamedDependency[Asked],
        flow_id: FromPath[UUID],
        previous: AskedPrevious = False,
    ) -> Response[FlowAnalytics]:
        """Figures of a flow, the votes on its steps, and its newest comments of all time.

        Engineers and services read others' comments without a name, and only if at least 5 people
        have rated the flow.
        """
        account_id = request.user.account_id
        defined = await reads.figures(account_id)
        found = await reads.flow(
            account_id,
            asked.comparing(previous),
            TOP,
            flow_id=flow_id,
            viewer=Viewer.of(request.user),
            previous=previous,
        )
        if not found.figures.is_known:
            raise FlowNotFound("There is no such flow.")
        window = asked.resolve(found.moment.today)
        return answer(
            request,
            found,
            FlowAnalytics,
            defined,
            figures=lambda: _flow(defined, found, flow_id, window),
            meta=_meta(defined, found.moment, window),
            note=lambda: note_reading(request, len(found.figures.comments), flow_id=flow_id),
        )


def _team(defined: Figures, found: Found[AccountFigures], window: Window) -> TeamFigures:
    summary = _summary(defined, found.figures)
    return TeamFigures(
        summary=summary,
        time_series=_series(defined, found.figures.days, window),
        top_flows=_top_flows(defined, found.figures.flows),
        top_engineers=[
            TopEngineer(
                user_id=row.user_id,
                name=row.name,
                sessions=row.sessions,
                completion_rate=defined.of("completion_rate", asdict(row)) or 0.0,
                completion_rate_interval=defined.interval("completion_rate", asdict(row)),
                avg_duration_minutes=defined.of("avg_duration_minutes", asdict(row)) or 0.0,
            )
            for row in found.figures.engineers
        ],
        previous=_previous(defined, found.previous, summary),
    )


def _own(defined: Figures, found: Found[AccountFigures], window: Window) -> OwnFigures:
    summary = _summary(defined, found.figures)
    return OwnFigures(
        summary=summary,
        time_series=_series(defined, found.figures.days, window),
        top_flows=_top_flows(defined, found.figures.flows),
        previous=_previous(defined, found.previous, summary),
    )


def _flow(
    defined: Figures, found: Found[FlowFigures], flow_id: UUID, window: Window
) -> FlowFiguresOut:
    figures = found.figures
    summary = _summary(defined, figures)
    return FlowFiguresOut(
        tree_id=flow_id,
        name=figures.name,
        summary=summary,
        avg_csat=summary.avg_csat,
        total_ratings=summary.total_ratings,
        time_series=_series(defined, figures.days, window),
        step_feedback=[
            StepVotes(
                node_id=step.step_id,
                node_title=step.title,
                helpful_yes=step.helpful_yes,
                helpful_no=step.helpful_no,
                helpful_rate=defined.of("helpful_rate", asdict(step)) or 0.0,
            )
            for step in figures.steps
            if step.is_current or step.helpful_yes or step.helpful_no
        ],
        steps=[
            Step(
                **asdict(step),
                drop_off=defined.of("drop_off", asdict(step)),
                drop_off_interval=defined.interval("drop_off", asdict(step)),
                helpful_rate=defined.of("helpful_rate", asdict(step)),
                helpful_rate_interval=defined.interval("helpful_rate", asdict(step)),
            )
            for step in figures.steps
        ],
        edges=_edges(defined, figures),
        recent_comments=[
            RecentComment(
                rating=comment.rating,
                comment=comment.comment,
                user_name=comment.user_name,
                created_at=comment.created_at,
            )
            for comment in figures.comments
        ],
        previous=_previous(defined, found.previous, summary),
    )


def _meta(defined: Figures, moment: Moment, window: Window) -> Meta:
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
        warnings=[*warnings, *warnings_of(defined.failing)],
    )


def _summary(defined: Figures, figures: AccountFigures | FlowFigures) -> Summary:
    """Add up the days: the summary is the sum of its series by construction."""
    sums = {
        name: sum(map(attrgetter(name), figures.days))
        for name in DayRow.__struct_fields__
        if name != "day"
    }
    return Summary(
        total_sessions=sums["sessions"],
        completed_sessions=sums["completed"],
        completion_rate=defined.of("completion_rate", sums) or 0.0,
        completion_rate_interval=defined.interval("completion_rate", sums),
        avg_duration_minutes=defined.of("avg_duration_minutes", sums) or 0.0,
        p50_duration_minutes=minutes_percentile(figures.durations, 5),
        p90_duration_minutes=minutes_percentile(figures.durations, 9),
        outcome_breakdown=convert(sums, OutcomeBreakdown),
        response_rate=defined.of("response_rate", sums),
        response_rate_interval=defined.interval("response_rate", sums),
        total_ratings=sums["ratings"],
        avg_csat=defined.of("avg_csat", sums),
        csat_percent=defined.of("csat_percent", sums),
        csat_percent_interval=defined.interval("csat_percent", sums),
        csat_distribution=convert(sums, CsatDistribution),
        active_engineers=(
            figures.active_engineers if isinstance(figures, AccountFigures) else None
        ),
    )


def _previous(defined: Figures, before: PreviousRow | None, summary: Summary) -> Previous | None:
    if before is None:
        return None
    sums = asdict(before)
    then = Summary(
        total_sessions=before.sessions,
        completed_sessions=before.completed,
        completion_rate=before.completion_rate or 0.0,
        completion_rate_interval=defined.interval("completion_rate", sums),
        avg_duration_minutes=before.avg_duration_minutes or 0.0,
        p50_duration_minutes=before.p50_duration_minutes,
        p90_duration_minutes=before.p90_duration_minutes,
        outcome_breakdown=convert(before, OutcomeBreakdown, from_attributes=True),
        response_rate=before.response_rate,
        response_rate_interval=defined.interval("response_rate", sums),
        total_ratings=before.ratings,
        avg_csat=before.avg_csat,
        csat_percent=before.csat_percent,
        csat_percent_interval=defined.interval("csat_percent", sums),
        csat_distribution=convert(before, CsatDistribution, from_attributes=True),
        active_engineers=before.active_engineers,
    )
    # A rate of no sessions is shown as 0, but it did not change from or to that.
    is_known = {
        "completion_rate": summary.total_sessions > 0 and then.total_sessions > 0,
        "avg_duration_minutes": summary.completed_sessions > 0 and then.completed_sessions > 0,
    }
    until = before.previous_until
    return Previous(
        day_from=before.previous_from,
        day_to=before.previous_to,
        until=None if until is None else until.isoformat("minutes"),
        summary=then,
        change=Change(
            **{
                name: difference(getattr(summary, name), getattr(then, name))
                if is_known.get(name, True)
                else None
                for name in Change.__struct_fields__
            }
        ),
    )


def _series(defined: Figures, days: Sequence[DayRow], window: Window) -> list[Day]:
    """Return every day of the window, with zeros where nothing started."""
    found = {day.day: day for day in days}
    length = (window.day_to - window.day_from).days + 1
    calendar = [window.day_from + timedelta(days=each) for each in range(length)]
    return [
        Day(
            date=row.day,
            sessions=row.sessions,
            resolved=row.resolved,
            escalated=row.escalated,
            workaround=row.workaround,
            unresolved=row.unresolved,
            completed=row.completed,
            ratings=row.ratings,
            avg_csat=defined.of("avg_csat", asdict(row)) if row.ratings else None,
        )
        for row in (found.get(day) or DayRow(day) for day in calendar)
    ]


def _top_flows(defined: Figures, rows: list[FlowRow]) -> list[TopFlow]:
    return [
        TopFlow(
            tree_id=row.flow_id,
            name=row.name,
            sessions=row.sessions,
            completion_rate=defined.of("completion_rate", asdict(row)) or 0.0,
            completion_rate_interval=defined.interval("completion_rate", asdict(row)),
            avg_duration_minutes=defined.of("avg_duration_minutes", asdict(row)) or 0.0,
            avg_csat=defined.of("avg_csat", asdict(row)),
            ratings=row.ratings,
        )
        for row in rows
    ]


def _edges(defined: Figures, figures: FlowFigures) -> list[Edge]:
    visits = {step.step_id: step.visits for step in figures.steps}
    edges = []
    for edge in figures.edges:
        sums = {"passes": edge.passes, "visits": visits.get(edge.step_id, 0)}
        interval = defined.interval("share", sums)
        edges.append(Edge(**asdict(edge), share=defined.of("share", sums), share_interval=interval))
    return edges
