"""Nobody sees another account: every role, every faulty token, every call, whosever things.

The calls are those of the running API's own OpenAPI document; a parameter or body that is new there
has to be told here. The roles of the database, its second lock, have tests of their own.
"""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from time import sleep, time
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx
import jwt
import psycopg
import pytest
from conftest import Api, Serve, with_changes
from litestar.types import Receive, Scope, Send
from msgspec import Struct
from msgspec.structs import astuple
from psycopg.pq import TransactionStatus
from raw_http import Answer, Client, request
from tenants import STEP, Tenant

from ingest.auth import ROLES, TokenAuth
from ingest.store.database import Database
from ingest.store.reading import ReadingConnection
from ingest.store.statements import SQL

FEWEST_PROBES = 5_000
INSTANCE = re.compile(rb'"instance":"[^"]*"')
WHOSE = ("own", "other", "absent")
ABSENT = [str(uuid4()) for _ in range(4)]


Pair = tuple[Tenant, Tenant]
"""Our account and another."""


@pytest.fixture
def pair(shared_live_api: Api) -> Pair:
    """Two accounts, with three sessions each."""
    ours, theirs = (Tenant(shared_live_api.of(uuid4())) for _ in range(2))
    for each in (ours, theirs):
        each.write(sessions=3)
    return ours, theirs


# --- every call -----------------------------------------------------------------------------------


class Probe(NamedTuple):
    """A request about somebody's things.

    Attributes:
        call: the method and the address with its parameters' names.
        whose: the things are: own, other or absent.
        named: whose account `?account_id=` names, if any.
        said: the ids that are in it.
    """

    call: str
    whose: str
    named: str | None
    target: str
    body: bytes
    said: frozenset[str]

    @property
    def method(self) -> str:
        return self.call.partition(" ")[0]

    def sent(self, authorization: str | None) -> bytes:
        headers = {"Content-Type": "application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization
        return request(self.method, self.target, self.body, headers=headers)


def things_of(pair: Pair, whose: str) -> dict[str, str]:
    """Return what the parameters of a call may be, by their names."""
    if whose == "absent":
        ids = ABSENT
    else:
        tenant = pair[WHOSE.index(whose)]
        ids = [
            str(each)
            for each in (tenant.account_id, tenant.user_id, tenant.flow_id, tenant.sessions[0])
        ]
    names = ("account_id", "user_id", "flow_id", "session_id")
    found = dict(zip(names, ids, strict=True))
    return found | {
        "engineer_id": found["user_id"],
        "step_id": STEP,
        "next_step_id": STEP,
        "period": "7d",
        "name": "daily_outcomes",
    }


def body_of(call: str, things: Mapping[str, str]) -> object:
    event = {
        "id": str(uuid4()),
        "type": "session.completed",
        "occurred_at": "2026-03-01T09:30:00Z",
        "data": {"session_id": things["session_id"], "outcome": "resolved"},
    }
    steps = [{"step_id": STEP, "title": "A step", "position": 0}]
    bodies: dict[str, object] = {
        "POST /sessions": {"session_id": things["session_id"], "flow_id": things["flow_id"]},
        "POST /sessions/{session_id}/steps": {"step_id": STEP},
        "POST /sessions/{session_id}/complete": {"outcome": "escalated"},
        "POST /sessions/{session_id}/rate": {"rating": 1},
        "POST /sessions/{session_id}/ratings": {"rating": 1},
        "POST /steps/{step_id}/feedback": {
            "session_id": things["session_id"],
            "was_helpful": False,
        },
        "PUT /accounts/{account_id}": {"name": "Renamed", "time_zone": "UTC"},
        "PUT /users/{user_id}": {"name": "Renamed", "role": "engineer"},
        "PUT /flows/{flow_id}": {"name": "Renamed", "steps": steps},
        "POST /events": [event],
    }
    return bodies[call.replace("/api/v1", "")]


def probes_of(url: str, pair: Pair) -> list[Probe]:
    """Return each call about our own, another account's and nobody's things."""
    document: dict[str, Any] = httpx.get(f"{url}/schema/openapi.json").json()
    probes = []
    for path, operations in document["paths"].items():
        if not path.startswith("/api/v1"):
            continue
        for (method, operation), whose in product(operations.items(), WHOSE):
            call, things = f"{method.upper()} {path}", things_of(pair, whose)
            parameters = operation.get("parameters", ())
            query = {
                each["name"]: things[each["name"]]
                for each in parameters
                if each["in"] == "query"
                and (each.get("required") or each["name"].endswith("_id"))
                and each["name"] != "account_id"
            }
            body = json.dumps(body_of(call, things)).encode() if "requestBody" in operation else b""
            for named in (None, "own", "other"):
                account = {"account_id": things_of(pair, named)["account_id"]} if named else {}
                target = path.format_map(things) + "?" + urlencode(query | account)
                said = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", target + body.decode())
                probes.append(Probe(call, whose, named, target, body, frozenset(said)))
    return sorted(probes, key=_turn)


def _turn(probe: Probe) -> tuple[bool, int]:
    """Have the others before those that make what is not there, or delete what is."""
    makes = probe.call.endswith(("/sessions", "/events"))
    return makes, ("GET", "POST", "PUT", "DELETE").index(probe.method)


# --- every faulty token ---------------------------------------------------------------------------


def faulty_tokens(tenant: Tenant, role: str) -> dict[str, str | None]:
    """Return what may stand where a bearer token should, by what is the matter with it."""
    settings, now = tenant.api.settings, int(time())
    secret_of_ours = settings.jwt_secret or ""
    claims = {
        "sub": str(tenant.user_id),
        "account_id": str(tenant.account_id),
        "role": role,
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "iat": now,
        "exp": now + 3_600,
    }

    def token(secret: str = secret_of_ours, algorithm: str = "HS256", **other: object) -> str:
        return "Bearer " + jwt.encode(claims | other, secret, algorithm=algorithm)

    def without(claim: str) -> str:
        rest = {name: value for name, value in claims.items() if name != claim}
        return "Bearer " + jwt.encode(rest, secret_of_ours, algorithm="HS256")

    good = token()
    head, payload, signature = good.split(".")
    return {
        "missing": None,
        "empty": "",
        "scheme alone": "Bearer",
        "malformed": "Bearer not.a.token",
        "no token at all": "Bearer x",
        "another scheme": good.replace("Bearer", "Basic"),
        "no scheme": good.removeprefix("Bearer "),
        "expired": token(exp=now - 3_600),
        "not yet valid": token(nbf=now + 3_600),
        "issued tomorrow": token(iat=now + 86_400),
        "another's signature": token(secret="x" * 40),
        "no signature": f"{head}.{payload}.",
        "a changed signature": f"{head}.{payload}.{signature[::-1]}",
        "no algorithm": "Bearer " + jwt.encode(claims, "", algorithm="none"),
        "another algorithm": token(algorithm="HS512"),
        "for somebody else": token(aud="another service"),
        "by somebody else": token(iss="another issuer"),
        "of no known role": token(role="owner"),
        "of no UUID": token(account_id="1 or true"),
        **{f"without {claim}": without(claim) for claim in claims},
    }


def assert_refused(url: str, probes: Sequence[Probe], pair: Pair) -> int:
    """Send all probes with all faulty tokens of all roles; return how many these were."""
    client, sent, bodies = Client(url), 0, Counter[bytes]()
    for role in ROLES:
        for fault, authorization in faulty_tokens(pair[0], role).items():
            for probe in probes:
                (answer,) = client.exchange(probe.sent(authorization))
                assert answer.status == 401, (fault, probe)
                assert answer.headers["www-authenticate"].startswith("Bearer"), (fault, probe)
                bodies[INSTANCE.sub(b"", answer.body)] += 1
                sent += 1
    # Who asks, and what for, makes no difference.
    assert len(bodies) < 10
    for body in bodies:
        for tenant in pair:
            assert not [word for word in tenant.words if word.encode() in body]
    return sent


def test_no_call_takes_a_faulty_token(shared_live_api: Api, pair: Pair) -> None:
    probes = probes_of(shared_live_api.url, pair)
    assert assert_refused(shared_live_api.url, probes, pair) >= FEWEST_PROBES


class Excluding(TokenAuth):
    """Lets in what an unanchored pattern of open addresses matches, as frameworks' guards do."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if re.search("/health|/problems", scope["path"]):
            await self._app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def test_an_unanchored_pattern_of_open_addresses_would_be_found(
    shared_live_api: Api,
    pair: Pair,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.app.TokenAuth", Excluding)
    url = serve(shared_live_api.settings)
    with pytest.raises(AssertionError, match="401"):
        assert_refused(url, probes_of(url, pair), pair)


# --- every good token -----------------------------------------------------------------------------


def raw_rows(api: Api, account_id: UUID) -> dict[str, list[Any]]:
    """Return all that is written of an account."""
    with psycopg.connect(str(api.settings.database_url)) as owner:
        tables = owner.execute(
            "select oid::regclass::text from pg_class "
            "where relnamespace = 'raw'::regnamespace and relkind = 'r'"
        ).fetchall()
        return {
            table: owner.execute(
                f"select row::text from {table} as row where account_id = %s order by 1".encode(),
                [account_id],
            ).fetchall()
            for (table,) in tables
            if table != "raw.quotas"
        }


def may_see_another(role: str, probe: Probe) -> bool:
    return role == "super_admin" and probe.named == "other"


def test_a_good_token_sees_and_changes_its_own_account_alone(
    shared_live_api: Api, pair: Pair
) -> None:
    ours, theirs = pair
    before = raw_rows(shared_live_api, theirs.account_id)
    client = Client(shared_live_api.url)
    not_found: dict[tuple[str, str, str | None], dict[str, Answer]] = {}
    statuses = Counter[int]()
    for probe, role in product(probes_of(shared_live_api.url, pair), ROLES):
        if may_see_another(role, probe) and probe.method != "GET":
            continue
        token = ours.api.token(role, ours.user_id)
        (answer,) = client.exchange(probe.sent(f"Bearer {token}"))
        statuses[answer.status] += 1
        assert answer.status < 500, (role, probe)
        if may_see_another(role, probe):
            continue
        told = answer.body + str(answer.headers).encode()
        assert not [
            word for word in theirs.words if word not in probe.said and word.encode() in told
        ], (role, probe)
        if probe.named == "other":
            assert answer.status == 403, (role, probe)
        if probe.whose != "own":
            not_found.setdefault((probe.call, role, probe.named), {})[probe.whose] = answer
    for asked, answers in not_found.items():
        other, absent = answers["other"], answers["absent"]
        assert other.status == absent.status, asked
        if other.status == 404:
            assert _anonymous(other) == _anonymous(absent), asked
    assert raw_rows(shared_live_api, theirs.account_id) == before
    # They were let in, and turned away, for every reason there is.
    assert {200, 201, 204, 403, 404} <= set(statuses)
    assert sum(answers["other"].status == 404 for answers in not_found.values()) > 10


def _anonymous(answer: Answer) -> tuple[dict[str, str], bytes]:
    """Return all of an answer but the number that it has and the hour."""
    changing = ("date", "ratelimit", "x-request-id")
    headers = {name: value for name, value in answer.headers.items() if name not in changing}
    return headers, INSTANCE.sub(b"", answer.body)


# --- connections that are shared ------------------------------------------------------------------

SEEN = "select account_id, current_setting('app.account_id', true) from raw.users"
WAYS = ("a statement", "a snapshot", "a look-up")


class Seen(Struct, frozen=True):
    account_id: UUID
    current_setting: str


async def read_amid_cancelled(url: str, ours: Tenant, theirs: Tenant, rounds: int) -> None:
    """Read ours on two connections, on which readings of theirs are cancelled at any moment."""
    database, chance = Database(url, size=2), random.Random(0)
    await database.open(wait=True)

    async def read(tenant: Tenant, way: str) -> list[tuple[Any, ...]]:
        async with database.reading(tenant.account_id) as connection:
            if way == "a look-up":
                asked: dict[str, UUID | int] = {"account_id": tenant.account_id}
                return [astuple(await connection.look_up("seen", asked, Seen))]
            if way == "a snapshot":
                async with database.snapshot(connection):
                    return await (await connection.execute(SEEN)).fetchall()
            return await (await connection.execute(SEEN)).fetchall()

    try:
        cancelled = 0
        for _ in range(rounds):
            doomed = [asyncio.create_task(read(theirs, chance.choice(WAYS))) for _ in range(2)]
            await asyncio.sleep(chance.random() * 0.004)
            for task in doomed:
                task.cancel()
            seen = await read(ours, chance.choice(WAYS))
            assert seen == [(ours.account_id, str(ours.account_id))]
            await asyncio.wait(doomed)
            cancelled += sum(task.cancelled() for task in doomed)
            async with database._readers.connection() as connection:
                assert connection.pgconn.transaction_status == TransactionStatus.IDLE
                assert await (await connection.execute(SEEN)).fetchall() == []
        assert cancelled > rounds / 10
    finally:
        await database.close()


def test_a_cancelled_reading_leaves_nothing_on_its_connection(
    shared_live_api: Api, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SQL, "seen", SEEN.encode())
    url = str(shared_live_api.settings.database_url)
    asyncio.run(read_amid_cancelled(url, *pair, rounds=300))


def test_a_look_up_that_a_rollback_forgot_is_prepared_again(
    shared_live_api: Api, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SQL, "seen", SEEN.encode())
    ours = pair[0].account_id

    async def look_up_again() -> list[Seen]:
        database = Database(str(shared_live_api.settings.database_url), size=1)
        await database.open(wait=True)
        try:
            async with database.reading(ours) as connection:
                found = [await connection.look_up("seen", {"account_id": ours}, Seen)]
                # As if whoever prepared it had been cancelled before they could note it down.
                connection._looked_up.clear()
                found.append(await connection.look_up("seen", {"account_id": ours}, Seen))
                with suppress(psycopg.errors.UndefinedTable):
                    async with database.snapshot(connection):
                        await connection.execute("select from nothing")
                found.append(await connection.look_up("seen", {"account_id": ours}, Seen))
                async with database.snapshot(connection):
                    found.append(await connection.look_up("seen", {"account_id": ours}, Seen))
            return found
        finally:
            await database.close()

    assert asyncio.run(look_up_again()) == [Seen(ours, str(ours))] * 4


def test_a_setting_of_the_session_would_be_found(
    shared_live_api: Api, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SQL, "seen", SEEN.encode())

    def name_account(self: ReadingConnection, pipeline: Any) -> None:
        named = f"select set_config('app.account_id', '{self.account_id}', false)"
        pipeline.pgconn.send_query_params(named.encode(), None)
        pipeline.result_queue.append(None)

    monkeypatch.setattr(ReadingConnection, "name_account", name_account)
    url = str(shared_live_api.settings.database_url)
    with pytest.raises(AssertionError):
        asyncio.run(read_amid_cancelled(url, *pair, rounds=10))


@pytest.fixture
def hanging_up(pair: Pair) -> Iterator[Callable[[str], object]]:
    """Have clients of the other account ask and hang up before the answer, one at each call."""
    theirs, chance = pair[1], random.Random(0)
    token = theirs.api.token("team_admin", theirs.user_id)
    headers = {"Authorization": f"Bearer {token}"}

    def hang_up(url: str, asked: bytes, seconds: float) -> None:
        client = Client(url)
        with suppress(OSError):
            client._connect().sendall(asked)
        sleep(seconds)
        client.hang_up()

    def one_more(url: str) -> object:
        target = f"/api/v1/analytics/team?{any_window(chance)}"
        asked = request("GET", target, headers=headers)
        return threads.submit(hang_up, url, asked, chance.random() * 0.01)

    with ThreadPoolExecutor() as threads:
        yield one_more


def any_window(chance: random.Random) -> str:
    """Days that nobody has asked for yet: what is kept needs no connection for long."""
    today = datetime.now(UTC).date()
    first = today - timedelta(days=chance.randrange(1, 1_000))
    return urlencode({"from": first, "to": today + timedelta(days=1)})


def test_a_client_that_hangs_up_leaves_nothing_to_the_next(
    shared_live_api: Api,
    pair: Pair,
    serve: Serve,
    hanging_up: Callable[[str], object],
) -> None:
    ours, theirs = pair
    url = serve(with_changes(shared_live_api.settings, pool_size=2))
    token = ours.api.token("team_admin", ours.user_id)
    client, chance, answered = Client(url), random.Random(1), 0
    for _ in range(2_000):
        # More than there are connections, and no more than are answered: else all of them wait.
        for _ in range(3):
            hanging_up(url)
        asked = request(
            "GET",
            f"/api/v1/analytics/team?{any_window(chance)}",
            headers={"Authorization": f"Bearer {token}"},
        )
        (answer,) = client.exchange(asked)
        assert not [word for word in theirs.words if word.encode() in answer.body]
        if answer.status == 503:
            continue  # too many of those who hung up are waited for
        assert answer.status == 200, answer
        assert answer.json["summary"]["total_sessions"] == 3
        answered += 1
        if answered == 200:
            break
    assert answered == 200
