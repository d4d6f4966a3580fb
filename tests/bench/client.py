"""A load generator that costs little: keep-alive connections, requests ready as bytes.

Run as a program of its own, so that its CPU time can be told from the API's; it prints one line of
JSON. It talks to loopback only, and stops by itself.
"""

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Callable
from typing import cast
from uuid import UUID, uuid4

import uvloop

HOST = "127.0.0.1"


def session_id(number: int) -> str:
    """The id of the numbered session, as the benchmark's database has it."""
    return str(UUID(hashlib.md5(str(number).encode()).hexdigest()))


def rating(number: int) -> tuple[str, bytes]:
    return f"/api/v1/sessions/{session_id(number)}/rate", b'{"rating": 5, "comment": "Quick."}'


def vote(number: int) -> tuple[str, bytes]:
    body = f'{{"session_id": "{session_id(number)}", "was_helpful": true}}'
    return "/api/v1/steps/check-cable/feedback", body.encode()


def batch_of(size: int) -> Callable[[int], tuple[str, bytes]]:
    def batch(number: int) -> tuple[str, bytes]:
        events = [
            {
                "id": str(uuid4()),
                "type": "session.rated",
                "occurred_at": "2026-03-01T09:30:00Z",
                "data": {"session_id": str(uuid4()), "rating": 1 + number % 5},
            }
            for _ in range(size)
        ]
        return "/api/v1/events", json.dumps(events).encode()

    return batch


KINDS = {"rating": rating, "vote": vote, "batch100": batch_of(100), "batch500": batch_of(500)}


class Connection(asyncio.Protocol):
    """One client: sends its next request when the last one is answered."""

    def __init__(self, requests: list[bytes], until: float, latencies: list[float]) -> None:
        self.requests = requests
        self.until = until
        self.latencies = latencies
        self.done = asyncio.get_running_loop().create_future()
        self.received = bytearray()
        self.missing: int | None = None
        self.statuses: dict[str, int] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.send()

    def send(self) -> None:
        if not self.requests or time.perf_counter() > self.until:
            self.transport.close()
            return
        self.sent_at = time.perf_counter()
        self.transport.write(self.requests.pop())

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.missing is None:
            head, end, _ = self.received.partition(b"\r\n\r\n")
            if not end:
                return
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self.missing = len(head) + len(end) + int(length)
        # Counted, not cut again at every piece: answers may be long.
        if len(self.received) < self.missing:
            return
        head = self.received[:12]
        self.latencies.append(time.perf_counter() - self.sent_at)
        status = head[9:12].decode()
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.received.clear()
        self.missing = None
        self.send()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def run(kind: str, port: int, token: str, clients: int, seconds: float, first: int) -> None:
    most = int(sys.argv[7])
    requests = [_read(kind, token)] * most if kind.startswith("/") else []
    for number in range(first, first + most if not requests else first):
        path, body = KINDS[kind](number)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    latencies: list[float] = []
    cpu, started = time.process_time(), time.perf_counter()
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(clients):
        _, connection = await loop.create_connection(
            lambda: Connection(requests, started + seconds, latencies), HOST, port
        )
        connections.append(connection)
    await asyncio.gather(*(connection.done for connection in connections))
    elapsed = time.perf_counter() - started
    statuses: dict[str, int] = {}
    for connection in connections:
        for status, count in connection.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    latencies.sort()
    sys.stdout.write(
        json.dumps(
            {
                "requests": len(latencies),
                "per_second": len(latencies) / elapsed,
                "p50_ms": percentile(latencies, 0.5),
                "p99_ms": percentile(latencies, 0.99),
                "client_cpu": (time.process_time() - cpu) / elapsed,
                "elapsed": elapsed,
                "statuses": statuses,
            }
        )
    )


def _read(path: str, token: str) -> bytes:
    head = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"
    return head.encode()


def percentile(latencies: list[float], share: float) -> float | None:
    """Milliseconds within which that share of the requests was answered."""
    return 1000 * latencies[int(len(latencies) * share)] if latencies else None


if __name__ == "__main__":
    uvloop.run(
        run(
            sys.argv[1],
            int(sys.argv[2]),
            sys.argv[3],
            int(sys.argv[4]),
            float(sys.argv[5]),
            int(sys.argv[6]),
        )
    )
