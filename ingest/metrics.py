"""What is counted, and the text in which Prometheus reads it; docs/observability.md has all of it.

Nothing here says who: no account, no person and no session is a label.
"""

import hashlib
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import psutil
from litestar.status_codes import (
    HTTP_200_OK,
    HTTP_300_MULTIPLE_CHOICES,
    HTTP_429_TOO_MANY_REQUESTS,
    HTTP_500_INTERNAL_SERVER_ERROR,
)
from litestar.types import HTTPScope
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from ingest import __version__
from ingest.auth import READING
from ingest.events import Counts
from ingest.noted import COUNTS, ITEMS, PROBLEM, SAME_AGAIN, STATUS
from ingest.problems import PROBLEMS, AlreadyRated
from ingest.settings import SettingsError
from ingest.store.vitals import Vitals, Volume

Result = Literal["created", "duplicate", "rejected", "retry"]
RESULTS: tuple[Result, ...] = ("created", "duplicate", "rejected", "retry")

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
GROUP_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128)
UNMATCHED = "unmatched"

PoolStatistics = Mapping[str, Mapping[str, int]]
"""By the pool's name, what psycopg says of it."""


class _Known(NamedTuple):
    """Where a kind of answer is counted; found out once."""

    latency: Histogram
    result: Counter | None
    """Of a call that takes one event in; none for others."""


EVENTS = "upshot_events"


class Metrics:
    """The counters of this process, which several processes of one API share by files."""

    def __init__(self) -> None:
        disable_created_metrics()
        self._folder = _shared_folder()
        if self._folder is not None:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self._folder)
            # The library looked at the environment when it was imported.
            values.ValueClass = values.get_value_class()
        # With several processes the files are what is read, not the registry.
        registry = self._registry = CollectorRegistry()
        self._latency = Histogram(
            "upshot_http_request_seconds",
            "From a request's arrival to the end of its answer, by route, method and status class.",
            ["route", "method", "status"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._problems = Counter(
            "upshot_problems",
            "Requests that were answered with a problem, by its code.",
            ["code"],
            registry=registry,
        )
        self._events = Counter(
            EVENTS,
            "Events by what became of them. way=batch: the items of POST /events. way=call: each"
            " other write is one event; created if it was taken in (201, 204, and 200 of a change),"
            " duplicate if it was known (200 of a session or visit that is there, 409"
            " already_rated), rejected for any other 4xx, retry for 429, 5xx and no answer. A batch"
            " that is refused before its items can be told apart is one event, rejected.",
            ["way", "result"],
            registry=registry,
        )
        self._groups = Histogram(
            "upshot_commit_group_size",
            "How many ratings or votes shared a transaction.",
            ["kind"],
            buckets=GROUP_BUCKETS,
            registry=registry,
        )
        self._processes = _live_gauge(registry, "upshot_processes", "Processes of the API.")
        self._pool_size = _live_gauge(
            registry, "upshot_pool_size", "The most connections of a pool.", "pool"
        )
        self._pool_used = _live_gauge(
            registry, "upshot_pool_used", "Connections of a pool that are in use.", "pool"
        )
        self._pool_waiting = _live_gauge(
            registry, "upshot_pool_waiting", "Requests that wait for a connection.", "pool"
        )
        self._pool_waits = Counter(
            "upshot_pool_waits",
            "Requests that had to wait for a connection.",
            ["pool"],
            registry=registry,
        )
        self._pool_wait_seconds = Counter(
            "upshot_pool_wait_seconds",
            "How long requests waited for a connection, all together.",
            ["pool"],
            registry=registry,
        )
        self._pool_refused = Counter(
            "upshot_pool_refused",
            "Requests that got no connection: too many waited, or for too long.",
            ["pool"],
            registry=registry,
        )
        self._known: dict[tuple[str | None, str, int], _Known] = {}
        self._before: dict[str, dict[str, int]] = {}
        self._processes.set(1)
        # A rate needs a beginning: what has not happened yet is 0.
        for code in PROBLEMS:
            self._problems.labels(code)
        for way in ("batch", "call"):
            for result in RESULTS:
                self._events.labels(way, result)

    def count(self, scope: HTTPScope, seconds: float) -> None:
        """Count a request that is answered, and the events in it."""
        state = scope["state"]
        key = (scope.get("path_template"), scope["method"], state.get(STATUS, 0))
        known = self._known.get(key) or self._know(key, scope)
        known.latency.observe(seconds)
        if PROBLEM in state:
            self._problems.labels(state[PROBLEM].code).inc()
        if known.result is None:
            return
        if COUNTS in state:
            counts: Counts = state[COUNTS]
            for result in RESULTS:
                self._events.labels("batch", result).inc(getattr(counts, result))
        elif ITEMS in state:
            known.result.inc(state[ITEMS])
        elif isinstance(state.get(PROBLEM), AlreadyRated):
            self._events.labels("call", "duplicate").inc()
        else:
            known.result.inc()

    def count_group(self, kind: str, size: int) -> None:
        """Count a transaction by how many ratings or votes share it."""
        self._groups.labels(kind).observe(size)

    def sample_pools(self, statistics: PoolStatistics) -> None:
        """Take over what the pools of this process say."""
        for pool, now in statistics.items():
            size, idle = now.get("pool_size", 0), now.get("pool_available", 0)
            self._pool_size.labels(pool).set(now.get("pool_max", 0))
            self._pool_used.labels(pool).set(size - idle)
            self._pool_waiting.labels(pool).set(now.get("requests_waiting", 0))
            before = self._before.get(pool, {})
            for counter, name, unit in (
                (self._pool_waits, "requests_queued", 1),
                (self._pool_wait_seconds, "requests_wait_ms", 1000),
                (self._pool_refused, "requests_errors", 1),
            ):
                counter.labels(pool).inc(max(0, now.get(name, 0) - before.get(name, 0)) / unit)
            self._before[pool] = dict(now)

    def render(self, vitals: Vitals | None, volumes: Sequence[Volume]) -> bytes:
        """Return all of it as text.

        Args:
            vitals: of the database; None if it did not answer.
            volumes: on which its files are.
        """
        return generate_latest(_Families([*self._counted(), *_of_database(vitals, volumes)]))

    def close(self) -> None:
        """Take this process out of what is summed over those that run."""
        if self._folder is not None:
            mark_process_dead(os.getpid(), str(self._folder))

    def _know(self, key: tuple[str | None, str, int], scope: HTTPScope) -> _Known:
        template, method, status = key
        handler: Any = scope.get("route_handler")
        known = _Known(
            latency=self._latency.labels(
                template or UNMATCHED,
                # Anybody can make up methods; where no route knows it, it is none.
                method if template else "other",
                f"{status // 100}xx" if status else "none",
            ),
            result=self._result(template or "", method, status, handler),
        )
        if template:
            self._known[key] = known
        return known

    def _result(self, template: str, method: str, status: int, handler: Any) -> Counter | None:
        if not template.startswith("/api/v1/") or method in READING:
            return None
        way = "batch" if template == "/api/v1/events" else "call"
        result: Result = "rejected"
        if status == HTTP_200_OK and SAME_AGAIN in handler.opt:
            result = "duplicate"
        elif HTTP_200_OK <= status < HTTP_300_MULTIPLE_CHOICES:
            result = "created"
        elif (
            not status
            or status == HTTP_429_TOO_MANY_REQUESTS
            or status >= HTTP_500_INTERNAL_SERVER_ERROR
        ):
            result = "retry"
        return self._events.labels(way, result)

    def _counted(self) -> Iterator[Metric]:
        if self._folder is None:
            families = list(self._registry.collect())
        else:
            _bury_the_dead(self._folder)
            registry = CollectorRegistry()
            collector: Any = MultiProcessCollector(registry, str(self._folder))
            families = list(collector.collect())
        for family in families:
            if family.name == EVENTS:
                yield _received(family)
            yield family


def _received(events: Metric) -> Metric:
    """Sum up the results: counted beside them, they would disagree for a moment."""
    received = CounterMetricFamily(
        "upshot_events_received",
        "Events that came in: the sum of what became of them.",
        labels=["way"],
    )
    sums: dict[str, float] = {}
    for sample in events.samples:
        sums[sample.labels["way"]] = sums.get(sample.labels["way"], 0) + sample.value
    for way, total in sorted(sums.items()):
        received.add_metric([way], total)
    return received


def _of_database(vitals: Vitals | None, volumes: Sequence[Volume]) -> Iterator[Metric]:
    info = GaugeMetricFamily("upshot_info", "The version that runs.", labels=["version"])
    info.add_metric([__version__], 1)
    yield info
    free = GaugeMetricFamily(
        "upshot_volume_free_bytes", "Free on a volume of the database.", labels=["volume"]
    )
    size = GaugeMetricFamily(
        "upshot_volume_size_bytes", "The size of a volume of the database.", labels=["volume"]
    )
    for volume in volumes:
        free.add_metric([volume.path], volume.free)
        size.add_metric([volume.path], volume.size)
    yield from (free, size)
    yield GaugeMetricFamily(
        "upshot_database_up",
        "Whether the database answered this scrape; without, its figures are missing.",
        value=vitals is not None,
    )
    if vitals is None:
        return
    yield GaugeMetricFamily(
        "upshot_changes",
        "Rows of the change log that no refresh has taken: its depth.",
        value=vitals.changes,
    )
    yield GaugeMetricFamily(
        "upshot_oldest_change_seconds",
        "The age of the oldest row of the change log; 0 when it is empty.",
        value=vitals.oldest_change_seconds,
    )
    yield GaugeMetricFamily(
        "upshot_clock_ahead_seconds",
        "How far the API's clock is ahead of the database's; negative if it is behind.",
        value=vitals.clock_ahead_seconds,
    )
    if vitals.refreshed_seconds is not None:
        yield GaugeMetricFamily(
            "upshot_last_refresh_seconds",
            "How long ago a refresh last took something in.",
            value=vitals.refreshed_seconds,
        )
    failing = GaugeMetricFamily(
        "upshot_check_failing",
        "Whether a check of the data failed when it last ran.",
        labels=["check", "model"],
    )
    for check in vitals.checks:
        failing.add_metric([check.name, check.model], check.is_failing)
    yield failing
    if vitals.exactness_seconds is not None:
        yield GaugeMetricFamily(
            "upshot_exactness_check_seconds",
            "How long ago some accounts were last compared with a computation from raw.",
            value=vitals.exactness_seconds,
        )


class _Families(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _live_gauge(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Gauge:
    """Return a gauge that is summed over the processes that run."""
    return Gauge(name, text, labels, multiprocess_mode="livesum", registry=registry)


def _shared_folder() -> Path | None:
    """Return where the processes of one API keep their counters; None for a process alone.

    The server that starts several is their common parent, and gives them a key that no other has.
    """
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return None
    everybody = Path(tempfile.gettempdir()) / f"upshot-metrics-{os.getuid()}"
    everybody.mkdir(mode=0o700, exist_ok=True)
    if everybody.stat().st_uid != os.getuid():
        raise SettingsError(f"{everybody} belongs to somebody else: set TMPDIR to another folder.")
    key = hashlib.sha256(multiprocessing.current_process().authkey).hexdigest()[:16]
    folder = everybody / f"{parent.pid}-{key}"
    for other in everybody.iterdir():
        # Of a server that has ended; its number may be ours by now.
        pid = int(other.name.partition("-")[0])
        if other != folder and (pid == parent.pid or not psutil.pid_exists(pid)):
            shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _bury_the_dead(folder: Path) -> None:
    """Take processes that were killed out of what is summed over those that run."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        if not psutil.pid_exists(pid):
            mark_process_dead(pid, str(folder))
