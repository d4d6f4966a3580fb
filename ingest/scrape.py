"""`GET /metrics`, for Prometheus: open in the demo, in production for whoever has the token."""

import asyncio
import hmac
import time
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.datastructures import State

from ingest.metrics import Metrics
from ingest.problems import NotFound, Unauthorized
from ingest.settings import Settings, SettingsError
from ingest.store.database import Database
from ingest.store.vitals import Vitals, vitals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
KEPT_SECONDS = 5.0
"""For how long the database's figures are told again: asking often does not burden it."""
SAMPLE_SECONDS = 5.0


class Scrape:
    """What a scrape needs beside the counters."""

    def __init__(self, url: str, database: Database, metrics: Metrics) -> None:
        self._url = url
        self._database = database
        self._metrics = metrics
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._vitals: Vitals | None = None

    async def text(self) -> bytes:
        """Return all metrics; those of the database are missing while it is away."""
        async with self._asking:
            if time.monotonic() > self._asked_at + KEPT_SECONDS:
                self._vitals = await self._ask()
                self._asked_at = time.monotonic()
        self._metrics.sample_pools(self._database.pool_statistics())
        volumes = self._database.volumes()
        return await asyncio.to_thread(self._metrics.render, self._vitals, volumes)

    async def keep_sampling(self) -> None:
        """Note how the pools are, for another process to tell, until cancelled."""
        while True:
            self._metrics.sample_pools(self._database.pool_statistics())
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _ask(self) -> Vitals | None:
        try:
            return await asyncio.to_thread(vitals, self._url)
        except SettingsError:
            return None


class MetricsController(Controller):
    include_in_schema = False

    @get("/metrics")
    async def metrics(self, request: Request[Any, Any, Any], state: State) -> Response[bytes]:
        _refuse_strangers(request, state.settings)
        return Response(
            await state.scrape.text(),
            media_type=CONTENT_TYPE,
            headers={"Cache-Control": "no-store"},
        )


def _refuse_strangers(request: Request[Any, Any, Any], settings: Settings) -> None:
    if settings.metrics_token is None:
        if settings.production:
            # As if it were not there: it is not, until somebody wants it.
            raise NotFound("There is nothing at this address.")
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    is_known = hmac.compare_digest(given.strip().encode(), settings.metrics_token.encode())
    if scheme.lower() != "bearer" or not is_known:
        raise Unauthorized("The metrics need their own token: Authorization: Bearer <token>.")
