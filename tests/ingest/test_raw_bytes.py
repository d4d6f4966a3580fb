"""Whatever bytes arrive, the API answers for them, goes on, and stores what it said it stored.

Valid requests of every call are broken at random, as UPSHOT_SOAK_REQUESTS says how often, and
some are broken on purpose. What was random is made again by the seed that a failure prints.
"""

import logging
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import Any, NamedTuple
from urllib.parse import unquote
from uuid import UUID, uuid4

import httptools
import psycopg
import pytest
from acquaintance import STEP, Acquaintance
from conftest import Api, Serve
from framework_defaults import default_bodies, default_errors
from mutations import Requests, mutate
from raw_http import Answer, Asked, Client, Headers, Reading, request

from ingest.problems import PROBLEMS
from ingest.store.tombstones import tombstone

REQUESTS = int(os.environ.get("UPSHOT_SOAK_REQUESTS", "20000"))
# A run of the suite says the same every time; a soak looks for what it did not try yet.
CHANCE = Random().randrange(10**6) if "UPSHOT_SOAK_REQUESTS" in os.environ else 9457
SEED = int(os.environ.get("UPSHOT_SOAK_SEED", CHANCE))
CLIENTS = 8
NAME = re.compile(rb"[0-9a-f]{8}-[0-9a-f-]{27}|step 0\.\d+|\b[1-5]\b|resolved|escalated")
"""How what requests write is called: an id, a step, a rating, an outcome."""

REFUSED_BY_THE_SERVER = {(400, b"Invalid HTTP request received."), (403, b"")}
"""No HTTP, and an upgrade to what is not spoken here."""


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect what is logged as a fault, by whomever."""
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR or record.exc_info:
                heard.append(logging.Formatter().format(record))

    listener = Listener()
    # The server's own logger does not hand on what it hears.
    loggers = [logging.getLogger(name) for name in (None, "uvicorn")]
    for logger in loggers:
        logger.addHandler(listener)
    try:
        yield heard
    finally:
        for logger in loggers:
            logger.removeHandler(listener)


def fault_of(answer: Answer, *, is_http: bool) -> str | None:
    """Say what is wrong with an answer, if anything is."""
    if answer.status >= 500:
        return f"{answer.status}: {answer.body!r}"
    if answer.status < 400:
        return None
    if not is_http and (answer.status, answer.body) in REFUSED_BY_THE_SERVER:
        return None
    if answer.headers.get("content-type") != "application/problem+json":
        return f"no problem: {answer}"
    if not answer.body:
        return None
    problem = answer.json
    kind = PROBLEMS.get(problem["code"])
    told = (problem["status"], problem["title"], problem["retryable"])
    if kind is None or told != (kind.status, kind.title, kind.retryable):
        return f"an unknown problem: {answer}"
    if answer.status != kind.status or not problem["detail"] or "instance" not in problem:
        return f"half a problem: {answer}"
    return None


# --- broken on purpose ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known(whole_api: Api) -> Acquaintance:
    return Acquaintance(whole_api.of(uuid4()))


class Call(NamedTuple):
    """A write and the body it wants."""

    method: str
    target: str
    body: bytes
    role: str = "engineer"


def writes_of(known: Acquaintance) -> dict[str, Call]:
    flow = b'"flow_id": "%s"' % str(known.flow_id).encode()
    session = f"/api/v1/sessions/{known.completed}"
    vote = b'{"session_id": "%s", "was_helpful": true}' % str(known.open).encode()
    event = b'[{"id": "%s", "type": "session.deleted"}]' % str(uuid4()).encode()
    account = b'{"name": "Ours", "time_zone": "Europe/Berlin"}'
    return {
        "start": Call("POST", "/api/v1/sessions", b"{%s}" % flow),
        "visit": Call("POST", f"{session}/steps", b'{"step_id": "a"}'),
        "complete": Call("POST", f"{session}/complete", b'{"outcome": "resolved"}'),
        "rate": Call("POST", f"{session}/rate", b'{"rating": 5}'),
        "vote": Call("POST", f"/api/v1/steps/{STEP}/feedback", vote),
        "name an account": Call(
            "PUT", f"/api/v1/accounts/{known.api.account_id}", account, "service"
        ),
        "name a user": Call(
            "PUT", f"/api/v1/users/{uuid4()}", b'{"name": "Dana", "role": "engineer"}', "service"
        ),
        "name a flow": Call(
            "PUT", f"/api/v1/flows/{uuid4()}", b'{"name": "Router", "steps": []}', "service"
        ),
        "batch": Call("POST", "/api/v1/events", event, "service"),
    }


def sent(
    known: Acquaintance, call: Call, body: bytes | None = None, headers: Headers | None = None
) -> bytes:
    fields = {
        "Authorization": f"Bearer {known.tokens[call.role]}",
        "Content-Type": "application/json",
    }
    body = call.body if body is None else body
    return request(call.method, call.target, body, headers={**fields, **(headers or {})})


def sent_in_chunks(known: Acquaintance, call: Call, chunks: bytes) -> bytes:
    message = sent(known, call, b"", {"Transfer-Encoding": "chunked"})
    return message.replace(b"Content-Length: 0\r\n", b"") + chunks


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


NDJSON = {"Content-Type": "application/x-ndjson"}

NO_JSON = {
    "nothing": b"",
    "blank": b" \r\n\t",
    "no UTF-8": b'{"name": "\xff\xfe", "rating": 1}',
    "UTF-16": '{"rating": 5}'.encode("utf-16"),
    "half a character": b'{"name": "\xe2\x82',
    "a lone surrogate": b'{"name": "\xed\xa0\x80"}',
    "a byte order mark": b'\xef\xbb\xbf{"rating": 5}',
    "NUL": b'{"name": "a\x00b"}',
    "NUL alone": b"\x00",
    "a form": b"rating=5&comment=a",
    "5,000 arrays": b"[" * 5_000,
    "100,000 arrays": b"[" * 100_000 + b"]" * 100_000,
    "5,000 objects": nested(5_000),
    "100,000 objects": nested(100_000),
    "NaN": b'{"rating": NaN}',
    "infinity": b'{"rating": -Infinity}',
    "a comment": b'{"rating": 5} // five',
    "two values": b'{"rating": 5}{"rating": 5}',
    "single quotes": b"{'rating': 5}",
    "a trailing comma": b'{"rating": 5,}',
    "a bad escape": b'{"name": "\\x00"}',
    "half of it": b'{"rating": ',
}
NO_SUCH_THING = {
    "an escaped NUL": b'{"name": "a\\u0000b", "rating": 5}',
    "an escaped NUL in a key": b'{"a\\u0000": 5}',
    "a number of 400 digits": b'{"rating": 1' + b"0" * 400 + b"}",
    "a float of 400 digits": b'{"rating": 1' + b"0" * 400 + b".5}",
    "too big a float": b'{"rating": 1e999}',
    "a float": b'{"rating": 4.5}',
    "minus zero": b'{"rating": -0}',
    "null": b"null",
    "a number": b"5",
    "a text": b'"rating"',
    "the same key twice": b'{"session_id": 1, "session_id": 2}',
    "100,000 keys": b"{" + b",".join(b'"k%d":1' % each for each in range(50_000)) + b"}",
}


def test_a_body_that_is_no_json_is_400(whole_api: Api, known: Acquaintance) -> None:
    client = Client(whole_api.url)
    wrong = []
    for call_name, call in writes_of(known).items():
        for name, body in NO_JSON.items():
            [answer] = client.exchange(sent(known, call, body))
            if (answer.status, answer.json["code"]) != (400, "malformed_body"):
                wrong.append((call_name, name, answer))
    assert wrong == []


def test_a_body_that_is_json_and_no_more_is_400_or_422(whole_api: Api, known: Acquaintance) -> None:
    client = Client(whole_api.url)
    wrong = []
    for call_name, call in writes_of(known).items():
        for name, body in NO_SUCH_THING.items():
            [answer] = client.exchange(sent(known, call, body))
            if answer.status not in {400, 422} or fault_of(answer, is_http=True):
                wrong.append((call_name, name, answer))
    assert wrong == []


def test_a_line_that_is_no_event_is_refused_alone(whole_api: Api, known: Acquaintance) -> None:
    client = Client(whole_api.url)
    good = b'{"id": "%s", "type": "user.upserted", "occurred_at": "2026-03-01T09:30:00Z", "data": '
    good += b'{"user_id": "%s", "name": "Ada", "role": "engineer"}}'
    for name, line in (NO_JSON | NO_SUCH_THING).items():
        if not line.strip() or b"\n" in line:
            continue
        ids = [str(uuid4()).encode() for _ in range(2)]
        batch = b"\n".join([line, good % (ids[0], ids[1])])
        call = writes_of(known)["batch"]
        [answer] = client.exchange(sent(known, call, batch, NDJSON))
        assert answer.status == 207, (name, answer)
        assert [item["result"] for item in answer.json["items"]] == ["rejected", "created"], name


CONTENT_TYPES: dict[str, set[int]] = {
    "application/json": {200, 201, 207, 409},
    "Application/JSON; charset=utf-8": {200, 201, 207, 409},
    "application/json;charset=latin-1": {200, 201, 207, 409},
    "application/json; charset=nonsense; =;;": {200, 201, 207, 409},
    "": {415},
    "text/plain": {415},
    "application/jsonx": {415},
    "application/x-www-form-urlencoded": {415},
    "multipart/form-data": {415},
    "multipart/form-data; boundary=": {415},
    "application/x-msgpack": {415},
    "\xff\xfe": {415},
    ";": {415},
    "a" * 30_000: {415},
}


def test_only_json_is_read_as_json(whole_api: Api, known: Acquaintance) -> None:
    client = Client(whole_api.url)
    wrong = []
    for call_name, call in writes_of(known).items():
        for content_type, statuses in CONTENT_TYPES.items():
            [answer] = client.exchange(sent(known, call, headers={"Content-Type": content_type}))
            if answer.status not in statuses or fault_of(answer, is_http=True):
                wrong.append((call_name, content_type[:40], answer))
    assert wrong == []


def bad_heads(known: Acquaintance) -> dict[str, bytes]:
    """Requests whose heads no HTTP library would send."""
    rate = writes_of(known)["rate"]
    token = f"Bearer {known.tokens['team_admin']}"

    def get(target: str | bytes, version: bytes = b"1.1", headers: Headers | None = None) -> bytes:
        fields = {"Authorization": token, **(headers or {})}
        return request("GET", target, headers=fields, version=version)

    paths: dict[str, str | bytes] = {
        "%00": "/api/v1/analytics/flows/%00",
        "a cut escape": "/api/v1/analytics/flows/%f",
        "no escape": "/api/v1/analytics/%zz",
        "no UTF-8": "/api/v1/analytics/flows/%ff%fe",
        "a slash": "/api/v1/analytics%2fme",
        "dots": "/api/v1/../../../etc/passwd",
        "slashes": "//api//v1//analytics//me",
        "a NUL": b"/api/v1/\x00",
        "raw bytes": b"/api/v1/\xff\xfe",
        "raw UTF-8": "/api/v1/straße",
        "a space": "/api/v1/analytics/me x",
        "100,000 characters": "/api/v1/" + "a" * 100_000,
        "10,000 parts": "/api/v1" + "/a" * 10_000,
        "another host": "http://elsewhere/api/v1/analytics/me",
        "a star": "*",
        "nothing": "",
        "no slash": "api/v1/analytics/me",
        "a problem": "/problems/%00%ff",
        "a step": f"/api/v1/steps/{'a' * 300}/feedback",
    }
    queries = {
        "%00": "period=%00",
        "no UTF-8": "period=%ff",
        "a cut escape": "period=%",
        "no value": "period",
        "twice": "period=7d&period=30d",
        "semicolons": "period=7d;from=x",
        "ampersands": "&" * 5_000,
        "equals": "=" * 5_000,
        "100,000 characters": "period=" + "7" * 100_000,
        "10,000 names": "&".join(f"n{each}=1" for each in range(10_000)),
        "an id of NUL": "account_id=%00",
        "an id of braces": "account_id={}",
        "a date of year 0": "from=0000-00-00&to=9999-99-99",
        "all days": "from=0001-01-01&to=0001-01-01",
        "the last days": "from=9999-12-31&to=9999-12-31",
        "a number": "from=0&to=1e9",
        "a far number": "from=-99999999999999&to=99999999999999999999",
        "digits": "from=%D9%A2%D9%A0%D9%A2%D9%A6-03-01&to=2026-03-02",
        "an engineer": "engineer_id=%00",
    }
    headers: dict[str, Headers] = {
        "a token of bytes": {"Authorization": b"Bearer \xff\xfe\x80"},
        "a long token": {"Authorization": "Bearer " + "a" * 60_000},
        "a token of dots": {"Authorization": "Bearer ..."},
        "a token of JSON": {"Authorization": "Bearer eyJhbGciOiJub25lIn0.W10."},
        "a token of numbers": {"Authorization": "Bearer MQ.MQ.MQ"},
        "only a scheme": {"Authorization": "Bearer"},
        "no scheme": {"Authorization": known.tokens["engineer"]},
        "a NUL": {"X": b"a\x00b"},
        "a control character": {"X": b"a\x01b"},
        "an empty name": {"": "a"},
        "a name of bytes": {"\u00e4": "a"},
        "a name with a space": {"X Y": "a"},
        "many": {f"X-{each}": "a" for each in range(2_000)},
        "a long one": {"X": "a" * 100_000},
        "a cookie": {"Cookie": b"\xff=\xfe; ;;=;a"},
        "what it accepts": {"Accept": b"\xff/\xfe;q=nonsense"},
        "a range": {"Range": "bytes=-1-"},
        "a length of minus one": {"Content-Length": "-1"},
        "a length with a plus": {"Content-Length": "+0"},
        "a length of 0x0": {"Content-Length": "0x0"},
        "two lengths": {"Content-Length": "0, 0"},
        "no number": {"Content-Length": "five"},
        "an endless length": {"Content-Length": "9" * 30},
        "an unknown encoding": {"Transfer-Encoding": "nonsense"},
        "a length and chunks": {"Transfer-Encoding": "chunked"},
        "a websocket": {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Version": "13",
        },
        "another protocol": {"Connection": "Upgrade", "Upgrade": "h2c"},
        "an expectation": {"Expect": "nonsense"},
    }
    me = "/api/v1/analytics/me"
    return {
        **{f"path: {name}": get(path) for name, path in paths.items()},
        **{
            f"query of {what}: {name}": get(f"/api/v1/analytics/{what}?{query}")
            for what in ("team", f"flows/{known.flow_id}")
            for name, query in queries.items()
        },
        **{
            f"vote: {name}": request(
                "DELETE", f"/api/v1/steps/a/feedback?{query}", headers={"Authorization": token}
            )
            for name, query in (queries | {"a session": "session_id=%00"}).items()
        },
        **{f"header: {name}": get(me, headers=more) for name, more in headers.items()},
        **{
            f"method: {method}": request(method, rate.target, headers={"Authorization": token})
            for method in (
                *("HEAD", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "QUERY"),
                *("BREW", "get", "G\u0000T", "", "POST" * 1_000),
            )
        },
        **{
            f"version {version!r}": get(me, version)
            for version in (b"1.0", b"0.9", b"2.0", b"9.9", b"", b"1.1\r\nHost: b")
        },
        "no host": b"GET /health/live HTTP/1.1\r\n\r\n",
        "no version": b"GET /health/live\r\n\r\n",
        "nothing but lines": b"\r\n" * 1_000 + get(me),
        "another protocol's hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 100,
        "the hello of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "chunks": sent_in_chunks(known, rate, b"d\r\n" + b'{"rating": 5}' + b"\r\n0\r\n\r\n"),
        "chunks with trailers": sent_in_chunks(
            known, rate, b'd;a=b\r\n{"rating": 5}\r\n0\r\nX: a\r\n\r\n'
        ),
        "chunks of no number": sent_in_chunks(known, rate, b"zz\r\nabc\r\n0\r\n\r\n"),
        "chunks of a wrong number": sent_in_chunks(known, rate, b"2\r\nabcdef\r\n0\r\n\r\n"),
        "an endless chunk": sent_in_chunks(known, rate, b"f" * 17 + b"\r\na\r\n0\r\n\r\n"),
        "a negative chunk": sent_in_chunks(known, rate, b"-1\r\na\r\n0\r\n\r\n"),
        "a length too small": sent(known, rate, headers={"Content-Length": "3"}),
    }


def test_a_head_that_no_library_would_send_is_answered(whole_api: Api, known: Acquaintance) -> None:
    wrong = []
    with listening() as heard:
        for name, message in bad_heads(known).items():
            client = Client(whole_api.url)
            reading = Reading(message)
            try:
                answers = client.exchange(message, reading)
                faults = [fault_of(each, is_http=not reading.is_broken) for each in answers]
                wrong += [(name, fault) for fault in faults if fault]
            except (AssertionError, TimeoutError, ValueError) as error:
                wrong.append((name, repr(error)))
            client.hang_up()
    assert (wrong, heard) == ([], [])
    assert_serves(whole_api)


def assert_serves(api: Api) -> None:
    assert api("GET", "/analytics/me").status_code == 200


def test_of_two_lengths_none_is_believed(whole_api: Api) -> None:
    """A request that a proxy reads otherwise than we do is refused."""
    two = request("POST", "/api/v1/sessions", b"{}").replace(
        b"Content-Length: 2\r\n", b"Content-Length: 2\r\nContent-Length: 3\r\n"
    )
    both = request(
        "POST", "/api/v1/sessions", b"0\r\n\r\n", headers={"Transfer-Encoding": "chunked"}
    )
    for message in (two, both):
        [answer] = Client(whole_api.url).exchange(message)
        assert (answer.status, answer.headers["connection"]) == (400, "close")


def test_pipelined_requests_are_answered_in_their_order(
    whole_api: Api, known: Acquaintance
) -> None:
    call = writes_of(known)["visit"]
    bodies = [b'{"step_id": "a"}', b"{", b'{"step_id": 1}', b'{"step_id": "b"}'] * 10
    message = b"".join(sent(known, call, body) for body in bodies)
    answers = Client(whole_api.url).exchange(message)
    assert [answer.status for answer in answers] == [201, 400, 422, 201] * 10


def test_what_is_refused_is_refused_before_its_body_is_read(
    whole_api: Api, known: Acquaintance
) -> None:
    """A client that sends the head of a large body learns of it at once."""
    for call in writes_of(known).values():
        for headers, status in (
            ({"Content-Length": "1000", "Authorization": "Bearer nonsense"}, 401),
            ({"Content-Length": str(10**9)}, 413),
        ):
            answer = Client(whole_api.url).first_answer(sent(known, call, b"", headers))
            assert answer.status == status, call
            assert fault_of(answer, is_http=True) is None


def test_a_client_that_hangs_up_amid_its_body_is_no_fault(
    whole_api: Api, known: Acquaintance
) -> None:
    with listening() as heard:
        for call in writes_of(known).values():
            for length in (0, 1, len(call.body) - 1):
                client = Client(whole_api.url)
                headers = {"Content-Length": str(len(call.body))}
                assert client.exchange(sent(known, call, call.body[:length], headers)) == []
            Client(whole_api.url).exchange(sent_in_chunks(known, call, b"5\r\n{"))
        assert_serves(whole_api)
    assert heard == []


# --- broken at random ----------------------------------------------------------------------------


class Said:
    """What the 2xx answers said is stored now."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.stored: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
        self.unanswered: list[set[bytes]] = []
        """The names in requests that could be carried out though no answer came: no HTTP followed
        them, or they need no body and were cut in it."""

    def note(self, asked: Asked, answer: Answer) -> None:
        self.statuses[answer.status] += 1
        if asked.method == "DELETE" and answer.status == 204:
            path = unquote(httptools.parse_url(asked.target).path.decode())
            if not path.endswith("/feedback"):
                subject = UUID(path.rstrip("/").rpartition("/")[2])
                self.stored["erasures"].add((tombstone(subject).hex(),))
        if asked.method in {"POST", "PUT"} and answer.status in {200, 201, 207}:
            for table, *row in _rows_told(answer.json):
                self.stored[table].add(tuple(row))


def _tombstone_text(name: bytes) -> bytes:
    """Return what would be stored if the name were an id, and it erased."""
    try:
        return tombstone(UUID(name.decode())).hex().encode()
    except ValueError:
        return name


def _texts(values: tuple[Any, ...]) -> set[bytes]:
    return {str(value).lower().encode() for value in values}


def _rows_told(told: Any) -> Iterator[tuple[Any, ...]]:
    """Return the tables and the rows that an answer tells of."""
    match told:
        case {"items": items}:
            created = (item["id"] for item in items if item["result"] == "created")
            yield from (("events", UUID(event_id)) for event_id in created)
        case {"started_at": _, "session_id": session_id, "outcome": outcome}:
            yield "sessions", UUID(session_id)
            if outcome:
                yield "outcomes", UUID(session_id), outcome
        case {"visited_at": moment, "session_id": session_id, "step_id": step_id}:
            yield "visits", UUID(session_id), step_id, datetime.fromisoformat(moment)
        case {"rating": rating, "session_id": session_id, "comment": comment}:
            yield "ratings", UUID(session_id), rating, comment
        case {"was_helpful": _, "step_id": step_id}:
            yield "votes", step_id
        case {"role": _, "user_id": user_id}:
            yield "users", UUID(user_id)
        case {"steps": _, "flow_id": flow_id}:
            yield "flows", UUID(flow_id)


READS = {
    "events": ("batches", "event_id from raw.events"),
    "erasures": (
        "erasures",
        "hash from (select account_id, encode(subject_hash, 'hex') as hash from raw.tombstones)",
    ),
    "sessions": ("sessions", "session_id from raw.sessions"),
    "visits": ("sessions", "session_id, step_id, visited_at from raw.step_visits"),
    "ratings": ("sessions", "session_id, rating, comment from raw.session_ratings"),
    "users": ("sessions", "user_id from raw.users"),
    "flows": ("sessions", "flow_id from raw.flows"),
    "outcomes": (
        "sessions",
        "session_id, outcome from (select * from raw.sessions where outcome is not null)",
    ),
    "votes": (
        "sessions",
        "distinct step_id from (select * from raw.step_feedback where was_helpful is not null)",
    ),
}
"""In whose account something is written, and how it is read back."""


class Storm:
    """Broken requests from some clients at once, and what was wrong with their answers."""

    def __init__(self, api: Api, seed: int) -> None:
        self.api = api
        self.seed = seed
        self.said = Said()
        self.faults: list[str] = []
        self._accounts = {
            name: Acquaintance(api.of(uuid4())) for name in ("sessions", "batches", "erasures")
        }
        self._requests = Requests(**self._accounts)
        self._before = self.stored()

    def blow(self, number: int) -> None:
        shares = [range(client, number, CLIENTS) for client in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(self._send, shares))

    def stored(self) -> dict[str, set[tuple[Any, ...]]]:
        """Return what the raw tables hold."""
        assert self.api.settings.database_url
        with psycopg.connect(self.api.settings.database_url) as connection:
            return {
                name: set(
                    connection.execute(
                        f"select {read} as own where account_id = %s".encode(),
                        [self._accounts[account].api.account_id],
                    )
                )
                for name, (account, read) in READS.items()
            }

    def assert_only_what_was_said_is_stored(self) -> None:
        stored = self.stored()
        for name, before in self._before.items():
            said = self.said.stored[name] | before
            unsaid = {
                row
                for row in stored[name] - said
                if not any(_texts(row[:2]) <= names for names in self.said.unanswered)
            }
            assert (said - stored[name], unsaid) == (set(), set()), (name, self.seed)

    def _send(self, numbers: range) -> None:
        client = Client(self.api.url)
        for number in numbers:
            random = Random(f"{self.seed}.{number}")
            message, other = self._requests.make(random), self._requests.make(random)
            if random.random() < 0.9:
                message = mutate(message, other, random)
            reading = Reading(message)
            try:
                answers = client.exchange(message, reading)
            except (AssertionError, TimeoutError, ValueError) as error:
                self._blame(number, repr(error), message)
                client.hang_up()
                continue
            for asked, answer in zip(reading.asked, answers, strict=False):
                self.said.note(asked, answer)
            is_in_part = reading.is_broken or reading.is_cut
            if is_in_part and (reading.asked or b"DELETE" in message):
                names = set(NAME.findall(message.lower()))
                self.said.unanswered.append(names | set(map(_tombstone_text, names)))
            for answer in answers:
                if fault := fault_of(answer, is_http=not reading.is_broken):
                    self._blame(number, fault, message)
        client.hang_up()

    def _blame(self, number: int, fault: str, message: bytes) -> None:
        self.faults.append(f"seed {self.seed}, request {number}: {fault}\n{message[:2_000]!r}")


def test_requests_broken_at_random_break_nothing(whole_api: Api) -> None:
    storm = Storm(whole_api, SEED)
    with listening() as heard:
        storm.blow(REQUESTS)
    assert storm.faults == []
    assert heard == []
    assert_serves(whole_api)
    storm.assert_only_what_was_said_is_stored()
    # Or it shows nothing.
    assert {200, 201, 204, 207, 400, 401, 404, 405, 409, 415, 422} <= set(storm.said.statuses)


@pytest.mark.parametrize("be_default", [default_errors, default_bodies])
def test_an_api_as_the_framework_makes_it_does_not_bear_it(
    be_default: Callable[[pytest.MonkeyPatch], None],
    serve: Serve,
    whole_api: Api,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control: an API with the framework's defaults does not pass the tests above."""
    be_default(monkeypatch)
    storm = Storm(Api(serve(whole_api.settings), whole_api.settings), SEED)
    storm.blow(400)
    assert any(": 500: " in fault for fault in storm.faults)
