"""The API as an application: `litestar run` finds `create_app`."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from litestar.types import Message, Scope

from ingest import __version__
from ingest.analytics import AnalyticsController
from ingest.audit import answer_refusal, start_auditing
from ingest.auth import TokenAuth
from ingest.batch import BatchController
from ingest.caller import CallerController
from ingest.chart_library import ChartLibrary
from ingest.comments import CommentController
from ingest.directory import DirectoryController
from ingest.embedded import database_url
from ingest.etags import tell_private
from ingest.garbage import passing_over_what_is_here
from ingest.health import HealthController
from ingest.incoming import Incoming
from ingest.key_server import KeyServer
from ingest.keys import Keys, SharedSecret
from ingest.logs import configure_logs, tell
from ingest.mart_answers import MartAnswers
from ingest.marts import MART_HEADERS, MartController
from ingest.metrics import Metrics
from ingest.noted import tell_request
from ingest.null_words import refuse_null
from ingest.observed import Observed
from ingest.openapi import openapi_config
from ingest.pages import PageController
from ingest.personal_data import PersonalDataController
from ingest.problems import Forbidden, Problem, answer_problem
from ingest.quotas import Counted, tell_quota
from ingest.scrape import MetricsController, Scrape
from ingest.served import Served
from ingest.session_list import SessionListController
from ingest.sessions import SessionController
from ingest.settings import Settings, read_settings
from ingest.sign_in import SignInController
from ingest.step_paths import StepIdsTakenOut
from ingest.steps import StepController
from ingest.stopping import Stopping
from ingest.store.database import Database
from ingest.store.feedback import Feedback
from ingest.store.quotas import Quotas
from ingest.store.reads import Reads
from ingest.store.room import Room
from ingest.tracing import Tracing, tracing, untraced


def create_app(settings: Settings | None = None) -> Litestar:
    """Return the API; without settings, those of the environment.

    Raises:
        SettingsError: the environment has an unusable value.

    """
    settings = settings or read_settings()
    start_auditing()
    configure_logs(settings)
    metrics = Metrics()
    traces = tracing()
    app = Litestar(
        route_handlers=[
            HealthController,
            MetricsController,
            PageController,
            SignInController,
            Router(
                "/api/v1",
                guards=[refuse_null],
                route_handlers=[
                    SessionController,
                    SessionListController,
                    StepController,
                    DirectoryController,
                    PersonalDataController,
                    BatchController,
                    AnalyticsController,
                    CommentController,
                    CallerController,
                    MartController,
                ],
                # Around these routes, not in front of all with exceptions: what is not listed
                # here can never be let through by a pattern.
                middleware=[
                    DefineMiddleware(TokenAuth),
                    Counted(),
                    Incoming(settings.max_body_bytes),
                ],
            ),
        ],
        dependencies={
            "database": Provide(_database, sync_to_thread=False),
            "reads": Provide(_reads, sync_to_thread=False),
            "feedback": Provide(_feedback, sync_to_thread=False),
            "served": Provide(_served, sync_to_thread=False),
            "mart_answers": Provide(_mart_answers, sync_to_thread=False),
        },
        exception_handlers={
            Forbidden: answer_refusal,
            Problem: answer_problem,
            HTTPException: answer_problem,
            Exception: answer_problem,
        },
        cors_config=_cors(settings) if settings.cors_origins else None,
        before_send=[tell_quota, tell_request, tell_private, _close_when_stopping],
        lifespan=[_lifespan],
        # See configure_logs: the framework's own would take the place of it.
        logging_config=None,
        openapi_config=openapi_config() if settings.open_docs else None,
        request_max_body_size=settings.max_body_bytes,
        state=State(
            {
                "settings": settings,
                "token_keys": _keys(settings),
                "chart_library": ChartLibrary(settings.home),
                "stopping": Stopping(notice_seconds=settings.stop_notice_seconds),
                "metrics": metrics,
                "tracing": traces,
            }
        ),
    )
    app.asgi_handler = StepIdsTakenOut(app.asgi_handler)
    # Around all of it: what no route is for is counted, too, and what errors are answered with.
    app.asgi_handler = Observed(
        app.asgi_handler, metrics, traces, slow_seconds=settings.slow_request_ms / 1000
    )
    return app


def _keys(settings: Settings) -> Keys:
    if settings.jwt_secret is not None:
        return SharedSecret(settings.jwt_secret)
    return KeyServer(str(settings.jwks_url))


def _cors(settings: Settings) -> CORSConfig:
    """Let the pages of these origins send events and read figures."""
    return CORSConfig(
        allow_origins=[*settings.cors_origins],
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["Authorization", "Content-Encoding", "Content-Type", "If-None-Match"],
        expose_headers=[
            *("RateLimit", "RateLimit-Policy", "Retry-After"),
            *("ETag", "Link", "X-Request-Id"),
            *MART_HEADERS,
        ],
    )


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    async with AsyncExitStack() as stack:
        url = stack.enter_context(database_url(settings))
        embedded = () if settings.database_url else (settings.embedded_data,)
        room = Room(settings.database_volumes or embedded, settings.min_free_bytes)
        metrics: Metrics = app.state.metrics
        stack.callback(metrics.close)
        traces: Tracing | None = app.state.tracing
        if traces is not None:
            stack.callback(traces.close)
        database = Database(
            url,
            size=settings.pool_size,
            room=room,
            traced=traces.database if traces else untraced,
        )
        await database.open()
        app.state.database = database
        app.state.feedback = Feedback(database, count_group=metrics.count_group)
        app.state.scrape = Scrape(url, database, metrics)
        app.state.reads = Reads(database)
        app.state.served = Served(database)
        app.state.mart_answers = MartAnswers(database, most_streams=max(1, settings.pool_size // 4))
        app.state.quotas = Quotas(
            database, events=settings.quota_events, seconds=settings.quota_seconds
        )
        stack.enter_context(app.state.stopping.listening())
        stack.push_async_callback(database.close)
        keys: Keys = app.state.token_keys
        if isinstance(keys, KeyServer):
            stack.callback(asyncio.create_task(keys.run()).cancel)
        await stack.enter_async_context(app.state.served.kept_up())
        stack.callback(asyncio.create_task(app.state.scrape.keep_sampling()).cancel)
        stack.enter_context(passing_over_what_is_here())
        tell(logging.INFO, "started", version=__version__, production=settings.production)
        yield
        tell(logging.INFO, "stopping")


async def _close_when_stopping(message: Message, scope: Scope) -> None:
    """Have clients come back over a new connection, which another process takes."""
    if message["type"] == "http.response.start" and scope["litestar_app"].state.stopping.has_begun:
        message["headers"] = [*message["headers"], (b"connection", b"close")]


def _database(state: State) -> Database:
    database: Database = state.database
    return database


def _feedback(state: State) -> Feedback:
    feedback: Feedback = state.feedback
    return feedback


def _reads(state: State) -> Reads:
    reads: Reads = state.reads
    return reads


def _served(state: State) -> Served:
    served: Served = state.served
    return served


def _mart_answers(state: State) -> MartAnswers:
    mart_answers: MartAnswers = state.mart_answers
    return mart_answers
