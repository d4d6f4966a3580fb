"""Valid requests of every call, and what becomes of them when bytes are lost, flipped or mixed."""

import json
from collections.abc import Callable
from random import Random
from uuid import UUID

from acquaintance import STEP, Acquaintance
from events import LONG_AGO
from raw_http import request

Made = Callable[[Random], bytes]

TOKENS: tuple[bytes, ...] = (
    b"\x00",
    b"\\u0000",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b"9" * 400,
    b"-",
    b"1e999",
    b"1.5",
    b"NaN",
    b"-Infinity",
    b"null",
    b"true",
    b"[" * 6000,
    b'{"a":' * 6000,
    b"{}",
    b'"',
    b"\\",
    b",",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b" ",
    b"%",
    b"%00",
    b"%ff",
    b"%2f",
    b"..%2f",
    b"?",
    b"#",
    b"&account_id=0",
    b"Content-Length: 5\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Content-Type: application/x-ndjson; charset=utf-16\r\n",
    b"0001-01-01T00:00:00+14:00",
    b"9999-12-31T23:59:60Z",
    b"x" * 70_000,
)
"""What breaks programs when it stands where it is not expected."""


class Requests:
    """Makes valid requests, each kind in an account of its own."""

    def __init__(self, sessions: Acquaintance, batches: Acquaintance, erasures: Acquaintance):
        self.completed = [sessions.complete(sessions.start()) for _ in range(100)]
        self.open = [sessions.start() for _ in range(100)]
        self._sessions, self._batches, self._erasures = sessions, batches, erasures
        self._kinds: list[Made] = [
            self._start,
            self._visit,
            self._complete,
            self._rate,
            self._vote,
            self._withdraw,
            self._name_user,
            self._name_flow,
            self._name_account,
            self._batch,
            self._lines,
            self._erase,
            self._read,
        ]

    def make(self, random: Random) -> bytes:
        return random.choice(self._kinds)(random)

    def _start(self, random: Random) -> bytes:
        body = {
            "session_id": new_id(random),
            "flow_id": str(self._sessions.flow_id),
            "started_at": LONG_AGO,
        }
        return self._single("POST", "/sessions", body)

    def _visit(self, random: Random) -> bytes:
        body = {"step_id": f"step {random.random()}", "visited_at": LONG_AGO}
        return self._single("POST", f"/sessions/{random.choice(self.open)}/steps", body)

    def _complete(self, random: Random) -> bytes:
        body = {"outcome": random.choice(["resolved", "escalated"])}
        return self._single("POST", f"/sessions/{random.choice(self.open)}/complete", body)

    def _rate(self, random: Random) -> bytes:
        body = {"rating": random.randint(1, 5), "comment": "Über\u2028 quick \\ \U0001f600"}
        path = random.choice(["rate", "ratings"])
        return self._single("POST", f"/sessions/{random.choice(self.completed)}/{path}", body)

    def _vote(self, random: Random) -> bytes:
        body = {"session_id": str(random.choice(self.open)), "was_helpful": random.random() < 0.5}
        return self._single("POST", f"/steps/{STEP}/feedback", body)

    def _withdraw(self, random: Random) -> bytes:
        target = f"/steps/{STEP}/feedback?session_id={random.choice(self.open)}"
        return self._single("DELETE", target)

    def _name_user(self, random: Random) -> bytes:
        body = {"name": "Dana", "role": "engineer"}
        return self._single("PUT", f"/users/{new_id(random)}", body, role="service")

    def _name_flow(self, random: Random) -> bytes:
        steps = [{"step_id": "a", "title": "A", "position": 0}]
        body = {"name": "Router", "steps": steps}
        return self._single("PUT", f"/flows/{new_id(random)}", body, role="service")

    def _name_account(self, _: Random) -> bytes:
        body = {"name": "Ours", "time_zone": "Europe/Berlin"}
        target = f"/accounts/{self._sessions.api.account_id}"
        return self._single("PUT", target, body, role="team_admin")

    def _batch(self, random: Random) -> bytes:
        body = json.dumps(self._events(random)).encode()
        return self._send(self._batches, "POST", "/events", body, role="service")

    def _lines(self, random: Random) -> bytes:
        body = b"\n".join(json.dumps(event).encode() for event in self._events(random))
        kind = "application/x-ndjson"
        return self._send(self._batches, "POST", "/events", body, role="service", kind=kind)

    def _erase(self, random: Random) -> bytes:
        what = random.choice(["users", "sessions"])
        return self._send(self._erasures, "DELETE", f"/{what}/{new_id(random)}", role="service")

    def _read(self, random: Random) -> bytes:
        what = random.choice(["team", "me", f"flows/{self._sessions.flow_id}"])
        window = random.choice(["period=7d", "from=2026-03-01&to=2026-03-02", ""])
        return self._single("GET", f"/analytics/{what}?{window}", role="team_admin")

    def _events(self, random: Random) -> list[dict[str, object]]:
        session_id, user_id = new_id(random), new_id(random)
        data: list[tuple[str, dict[str, object]]] = [
            ("user.upserted", {"user_id": user_id, "name": "Ada", "role": "engineer"}),
            (
                "session.started",
                {"session_id": session_id, "flow_id": new_id(random), "user_id": user_id},
            ),
            ("step.visited", {"session_id": session_id, "step_id": "a"}),
            ("session.completed", {"session_id": session_id, "outcome": "resolved"}),
            ("session.rated", {"session_id": session_id, "rating": 4, "comment": "Fine."}),
            ("step.feedback", {"session_id": session_id, "step_id": "a", "was_helpful": None}),
        ]
        return [
            {"id": new_id(random), "type": kind, "occurred_at": LONG_AGO, "data": fields}
            for kind, fields in random.sample(data, random.randint(1, 3))
        ]

    def _single(
        self, method: str, path: str, body: object = None, *, role: str = "engineer"
    ) -> bytes:
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        return self._send(self._sessions, method, path, content, role=role)

    def _send(
        self,
        whose: Acquaintance,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        role: str,
        kind: str = "application/json",
    ) -> bytes:
        headers: dict[str, str | bytes] = {"Authorization": f"Bearer {whose.tokens[role]}"}
        if body:
            headers["Content-Type"] = kind
        return request(method, f"/api/v1{path}", body, headers=headers)


def new_id(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def mutate(message: bytes, other: bytes, random: Random) -> bytes:
    """Return the request with something wrong: mostly its body, or its head, or all of it."""
    head, gap, body = message.partition(b"\r\n\r\n")
    place = random.random()
    if body and place < 0.75:
        _, _, others = other.partition(b"\r\n\r\n")
        mutated = _mangle(body, others or body, random)
        length = b"Content-Length: %d"
        head = head.replace(length % len(body), length % len(mutated))
        return head + gap + mutated
    if place < 0.9:
        return _mangle(head, other.partition(b"\r\n\r\n")[0], random) + gap + body
    return _mangle(message, other, random)


def _mangle(text: bytes, other: bytes, random: Random) -> bytes:
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        text = random.choice([_flip, _flip, _cut, _repeat, _splice, _insert, _insert, _lose])(
            text, other, random
        )
    return text


def _flip(text: bytes, _: bytes, random: Random) -> bytes:
    if not text:
        return text
    changed = bytearray(text)
    changed[random.randrange(len(text))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(text: bytes, _: bytes, random: Random) -> bytes:
    return text[: random.randint(0, len(text))]


def _repeat(text: bytes, _: bytes, random: Random) -> bytes:
    start, end = _span(text, random)
    return text[:end] + text[start:end] * random.choice([1, 1, 2, 50]) + text[end:]


def _splice(text: bytes, other: bytes, random: Random) -> bytes:
    start, end = _span(other, random)
    place = random.randint(0, len(text))
    return text[:place] + other[start:end] + text[place:]


def _insert(text: bytes, _: bytes, random: Random) -> bytes:
    place = random.randint(0, len(text))
    return text[:place] + random.choice(TOKENS) + text[place:]


def _lose(text: bytes, _: bytes, random: Random) -> bytes:
    start, end = _span(text, random)
    return text[:start] + text[end:]


def _span(text: bytes, random: Random) -> tuple[int, int]:
    start = random.randint(0, len(text))
    return start, min(len(text), start + random.choice([1, 2, 5, 20, 100]))
