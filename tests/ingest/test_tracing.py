"""Traces go where OpenTelemetry's variables say, and nowhere otherwise."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from api_processes import api_process
from conftest import REPOSITORY
from events import event
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.settings import Settings, SettingsError
from ingest.tracing import tracing

COMMENT = "Such a nice comment."


class Receiver(ThreadingHTTPServer):
    """Takes traces in, as a collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            raise AssertionError("not asked for")
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        yield receiver
        receiver.shutdown()


def attributes(span: Any) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_a_request_and_its_database_calls_continue_the_callers_trace(
    database_url: str, tmp_path: Path, base_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, parent = os.urandom(16), os.urandom(8)
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        with api_process(database_url, tmp_path, log_format="json") as process:
            api = process.api(base_settings)
            headers = {"traceparent": f"00-{trace.hex()}-{parent.hex()}-01"}
            batch = [event("session.rated", session_id=uuid4(), rating=5, comment=COMMENT)]
            assert api.post_events(batch, headers=headers).status_code == 200
            api("GET", f"/comments?q={COMMENT}", role="team_admin")
            api("POST", f"/sessions/{uuid4()}/rate", {"rating": 5})
        until = time.monotonic() + 10
        while not receiver.spans():
            assert time.monotonic() < until
            time.sleep(0.05)
    spans = {span.name: span for span in receiver.spans()}
    request = spans["POST /api/v1/events"]
    assert (request.trace_id, request.parent_span_id) == (trace, parent)
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/api/v1/events",
        "http.response.status_code": 200,
        "upshot.batch.items": 1,
    }
    inside = [
        span for span in receiver.spans()
        if span.parent_span_id == request.span_id and span.name == "database write"
    ]  # fmt: skip
    assert inside
    assert {span.trace_id for span in inside} == {trace}
    assert attributes(spans["POST /api/v1/sessions/{session_id}/rate"])["error.type"] == (
        "session_not_found"
    )
    resource = receiver.requests[0].resource_spans[0].resource
    assert attributes(resource)["service.name"] == "upshot"
    told = b"".join(each.SerializeToString() for each in receiver.requests)
    for personal in (b"nice", b"127.0.0.1", str(api.account_id).encode()):
        assert personal not in told


def test_a_receiver_that_is_away_disturbs_nobody(
    database_url: str, tmp_path: Path, base_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    with api_process(database_url, tmp_path) as process:
        batch = [event("session.rated", session_id=uuid4(), rating=5)]
        assert process.api(base_settings).post_events(batch).status_code == 200


def test_without_the_variables_nothing_of_it_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from ingest.app import create_app; create_app();"
        "print([each for each in sys.modules"
        " if each.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY,
        env={
            name: value for name, value in os.environ.items() if not name.startswith("OTEL_")
        } | {"UPSHOT_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "off",
    [{}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}],
)
def test_it_is_off_unless_it_is_on(off: dict[str, str]) -> None:
    on = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"} if off else {}
    assert tracing(on | off) is None


def test_a_protocol_that_is_not_spoken_is_refused() -> None:
    on = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_PROTOCOL"):
        tracing(on)
