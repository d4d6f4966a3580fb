"""Traces of requests and of what they ask of the database, where OpenTelemetry's variables say so.

The ready-made instrumentations note query strings and addresses of clients, which may be somebody's
data; and they know nothing of statements by name. Without the variables the libraries are not even
imported.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from litestar.status_codes import HTTP_500_INTERNAL_SERVER_ERROR
from litestar.types import HTTPScope

from ingest import __version__
from ingest.noted import ITEMS, PROBLEM, STATUS
from ingest.settings import SettingsError

VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_OFF: AbstractContextManager[None] = nullcontext()


class Tracing:
    """Makes spans and sends them off, in batches and in the background."""

    def __init__(self) -> None:
        from opentelemetry import propagate, trace  # noqa: PLC0415 - see above
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        resource = Resource.create({"service.version": __version__})
        if str(resource.attributes["service.name"]).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "upshot"}))
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("upshot", __version__)
        self._extract = propagate.extract
        self._trace = trace

    @contextmanager
    def request(self, scope: HTTPScope) -> Iterator[str]:
        """A span around a request, within the trace that its `traceparent` names."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in {b"traceparent", b"tracestate"}
        }
        method = scope["method"]
        with self._tracer.start_as_current_span(
            method,
            context=self._extract(headers),
            kind=self._trace.SpanKind.SERVER,
            attributes={"http.request.method": method},
        ) as span:
            yield f"{span.get_span_context().trace_id:032x}"
            self._tell_answer(span, scope, method)

    def _tell_answer(self, span: Any, scope: HTTPScope, method: str) -> None:
        state: Mapping[str, Any] = scope["state"]
        route = scope.get("path_template")
        if route:
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)
        status = state.get(STATUS, 0)
        span.set_attribute("http.response.status_code", status)
        if ITEMS in state:
            span.set_attribute("upshot.batch.items", state[ITEMS])
        if PROBLEM in state:
            span.set_attribute("error.type", state[PROBLEM].code)
        if not status or status >= HTTP_500_INTERNAL_SERVER_ERROR:
            span.set_status(self._trace.StatusCode.ERROR)

    def database(self, name: str) -> AbstractContextManager[Any]:
        """A span around what is asked of the database over one connection."""
        return self._tracer.start_as_current_span(
            name,
            kind=self._trace.SpanKind.CLIENT,
            attributes={"db.system.name": "postgresql"},
            # What an exception says may quote a row.
            record_exception=False,
            set_status_on_exception=True,
        )

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


Traced = Callable[[str], AbstractContextManager[Any]]


def untraced(_: str) -> AbstractContextManager[Any]:
    """Make no span."""
    return _OFF


def tracing(environ: Mapping[str, str] = os.environ) -> Tracing | None:
    """Return what makes spans, if the environment says where to send them.

    Raises:
        SettingsError: the variables cannot be used.
    """
    is_off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    exporter = environ.get("OTEL_TRACES_EXPORTER", "otlp")
    if is_off or exporter == "none" or not any(environ.get(name) for name in VARIABLES):
        return None
    for name in ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"):
        if environ.get(name, "http/protobuf") != "http/protobuf":
            raise SettingsError(f"{name} has to be http/protobuf.")
    return Tracing()
