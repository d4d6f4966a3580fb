"""Tokens that somebody else signs: only with a key that they publish now, and for its algorithm."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from conftest import Api, Serve, with_changes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from key_publisher import KeyPublisher, SigningKey, key_publisher

from ingest import auth, key_server
from ingest.auth import LEEWAY, read_token
from ingest.keys import MOST_KEYS, Header, Key, KeySet, NoKeySet
from ingest.problems import Unauthorized

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")


def claims(**changes: Any) -> dict[str, Any]:
    """What a good token says; None leaves a claim out."""
    now = datetime.now(UTC)
    whole = {
        "sub": str(uuid4()),
        "account_id": str(uuid4()),
        "role": "engineer",
        "iss": "upshot",
        "aud": "upshot",
        "iat": now,
        "exp": now + timedelta(hours=1),
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


@pytest.fixture
def publisher() -> Iterator[KeyPublisher]:
    with key_publisher() as publisher:
        yield publisher


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes minutes takes a second."""
    monkeypatch.setattr(key_server, "REFRESH_SECONDS", 0.5)
    monkeypatch.setattr(key_server, "PAUSE_SECONDS", 0.25)
    monkeypatch.setattr(key_server, "FETCH_SECONDS", 1.0)


class Door:
    """An API that takes the tokens of a publisher."""

    def __init__(self, url: str) -> None:
        self.url = url

    def knock(self, token: str) -> httpx.Response:
        """Ask with the token for what is for others: the answer to a good one is 403."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{self.url}/api/v1/analytics/team", headers=headers, timeout=30)

    def opens(self, token: str) -> bool:
        status = self.knock(token).status_code
        assert status in {403, 401, 503}
        return status == 403


@pytest.fixture
def door(serve: Serve, shared_api: Api, publisher: KeyPublisher) -> Callable[[], Door]:
    """Serve an API once the publisher is ready."""

    def open_door() -> Door:
        settings = with_changes(shared_api.settings, jwt_secret=None, jwks_url=publisher.url)
        return Door(serve(settings))

    return open_door


def eventually(holds: Callable[[], bool], seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


# --- which keys ----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_a_published_key_is_taken(
    door: Callable[[], Door], publisher: KeyPublisher, algorithm: str
) -> None:
    key = SigningKey("k1", algorithm)
    publisher.publish(SigningKey("k0"), key)
    at = door()
    assert at.opens(key.sign(claims()))
    assert not at.opens(SigningKey("k1", algorithm).sign(claims()))


def test_a_key_that_is_new_is_taken_at_its_first_use(
    door: Callable[[], Door], publisher: KeyPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_server, "PAUSE_SECONDS", 0.2)
    before, after = SigningKey("before"), SigningKey("after")
    publisher.publish(before)
    at = door()
    assert at.opens(before.sign(claims()))
    publisher.publish(before, after)
    time.sleep(0.3)
    assert at.opens(after.sign(claims()))
    assert at.opens(before.sign(claims()))


@pytest.mark.usefixtures("fast")
def test_a_key_that_is_gone_stops_working_though_its_token_was_good(
    door: Callable[[], Door], publisher: KeyPublisher
) -> None:
    gone, stays = SigningKey("gone"), SigningKey("stays")
    publisher.publish(gone, stays)
    at = door()
    token = gone.sign(claims())
    assert at.opens(token)
    publisher.publish(stays)
    assert eventually(lambda: not at.opens(token))
    assert at.opens(stays.sign(claims()))


@pytest.mark.usefixtures("fast")
def test_another_key_by_the_same_name_ends_the_first(
    door: Callable[[], Door], publisher: KeyPublisher
) -> None:
    """What was found of a token with the one key says nothing of the other."""
    first, second = SigningKey("same"), SigningKey("same")
    publisher.publish(first)
    at = door()
    token = first.sign(claims())
    assert at.opens(token)
    publisher.publish(second)
    assert eventually(lambda: not at.opens(token))
    assert at.opens(second.sign(claims()))


def test_a_flood_of_made_up_names_is_one_fetch(
    door: Callable[[], Door], publisher: KeyPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_server, "PAUSE_SECONDS", 60)
    key = SigningKey("known")
    publisher.publish(key)
    at = door()
    assert at.opens(key.sign(claims()))
    tokens = [SigningKey(f"made up {number}").sign(claims()) for number in range(50)]
    threads = [threading.Thread(target=at.knock, args=[token]) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not at.opens(tokens[0])
    assert at.opens(key.sign(claims()))
    assert publisher.asked == 1


def test_a_flood_without_a_pause_is_many_fetches(
    door: Callable[[], Door], publisher: KeyPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the test above."""
    monkeypatch.setattr(key_server, "PAUSE_SECONDS", -1)
    publisher.publish(SigningKey("known"))
    at = door()
    for number in range(10):
        at.knock(SigningKey(f"made up {number}").sign(claims()))
    assert publisher.asked >= 10


def test_a_token_that_names_no_key_needs_the_only_one(
    door: Callable[[], Door], publisher: KeyPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_server, "REFRESH_SECONDS", 0.2)
    key, other = SigningKey("k1"), SigningKey("k2")
    publisher.publish(key)
    at = door()
    nameless = key.sign(claims(), headers={"kid": None})
    assert at.opens(nameless)
    publisher.publish(key, other)
    assert eventually(lambda: not at.opens(nameless))
    assert at.opens(key.sign(claims()))


# --- how the address may fail --------------------------------------------------------------------


@pytest.mark.usefixtures("fast")
def test_an_address_that_is_away_does_not_hurt_while_there_are_keys(
    door: Callable[[], Door], publisher: KeyPublisher
) -> None:
    key = SigningKey("k1")
    publisher.publish(key)
    at = door()
    assert at.opens(key.sign(claims()))
    publisher.status = 500
    asked = publisher.asked
    assert eventually(lambda: publisher.asked > asked + 1)
    assert at.opens(key.sign(claims()))
    # Whether there is such a key now, nobody knows.
    assert at.knock(SigningKey("new").sign(claims())).status_code == 503


@pytest.mark.usefixtures("fast")
def test_keys_are_not_kept_for_ever(
    door: Callable[[], Door], publisher: KeyPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_server, "KEPT_SECONDS", 1)
    key = SigningKey("k1")
    publisher.publish(key)
    at = door()
    assert at.opens(key.sign(claims()))
    publisher.status = 500
    assert eventually(lambda: at.knock(key.sign(claims())).status_code == 503)


def huge(publisher: KeyPublisher) -> None:
    publisher.document = b'{"keys": [' + b" " * key_server.MOST_BYTES + b"]}"


def no_json(publisher: KeyPublisher) -> None:
    publisher.document = b"<html>"


def deep(publisher: KeyPublisher) -> None:
    publisher.document = b'{"keys": ' + b"[" * 100_000


def of_many_keys(publisher: KeyPublisher) -> None:
    publisher.describe(*[SigningKey("k").described()] * (MOST_KEYS + 1))


def elsewhere(publisher: KeyPublisher) -> None:
    publisher.status = 302
    publisher.headers = {"Location": publisher.url}


def silent(publisher: KeyPublisher) -> None:
    publisher.wait_seconds = 60


def endless(publisher: KeyPublisher) -> None:
    publisher.drips = True


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    "fails",
    [huge, no_json, deep, of_many_keys, elsewhere, silent, endless],
    ids=lambda f: f.__name__,
)
def test_without_any_key_every_token_is_503_in_time(
    door: Callable[[], Door], publisher: KeyPublisher, fails: Callable[[KeyPublisher], None]
) -> None:
    key = SigningKey("k1")
    publisher.publish(key)
    fails(publisher)
    at = door()
    answer = at.knock(key.sign(claims()))
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["retryable"]
    assert "retry-after" in answer.headers
    assert answer.elapsed < timedelta(seconds=5)
    # It is tried again, and the event loop was never held up.
    publisher.publish(key)
    publisher.status, publisher.wait_seconds, publisher.drips = 200, 0, False
    assert eventually(lambda: at.opens(key.sign(claims())))


def test_nobody_at_the_address_is_503(serve: Serve, shared_api: Api) -> None:
    settings = with_changes(
        shared_api.settings, jwt_secret=None, jwks_url="http://127.0.0.1:1/keys"
    )
    assert Door(serve(settings)).knock(SigningKey("k").sign(claims())).status_code == 503


def test_others_are_answered_while_the_address_is_silent(
    door: Callable[[], Door], publisher: KeyPublisher
) -> None:
    publisher.wait_seconds = 60
    at = door()
    waiting = threading.Thread(target=at.knock, args=[SigningKey("k").sign(claims())])
    waiting.start()
    answer = httpx.get(f"{at.url}/health/live")
    assert waiting.is_alive()
    assert answer.status_code == 200
    waiting.join()


# --- which algorithms ----------------------------------------------------------------------------


def unsigned(key_id: str) -> str:
    return jwt.encode(claims(), "", algorithm="none", headers={"kid": key_id})


def signed_with_the_public_key(key: SigningKey) -> str:
    """HS256, with what everybody can read as the secret: the library itself refuses to sign it."""
    public = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    encode = jwt.utils.base64url_encode
    head = encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": key.key_id}).encode())
    said = claims() | {"iat": int(time.time()), "exp": int(time.time()) + 60}
    signed = head + b"." + encode(json.dumps(said).encode())
    hmac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    return (signed + b"." + encode(hmac.sign(signed, public))).decode()


def test_the_algorithm_is_the_keys_and_never_the_tokens_choice(
    door: Callable[[], Door], publisher: KeyPublisher
) -> None:
    rsa, curve = SigningKey("rsa", "RS256"), SigningKey("curve", "ES256")
    publisher.publish(rsa, curve)
    at = door()
    assert at.opens(rsa.sign(claims()))
    accepted = [
        name
        for name, token in {
            "none": unsigned("rsa"),
            "HS256 with the public key": signed_with_the_public_key(rsa),
            "RS512 with a key for RS256": rsa.sign(claims(), algorithm="RS512"),
            "PS256 with a key for RS256": rsa.sign(claims(), algorithm="PS256"),
            "the name of another key": curve.sign(claims(), headers={"kid": "rsa"}),
            "no key": curve.sign(claims(), headers={"kid": "nobody"}),
            "nonsense": "a.b.c",
            "no name": curve.sign(claims(), headers={"kid": None}),
        }.items()
        if at.opens(token)
    ]
    assert accepted == []


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        (SigningKey("k", "RS256", bits=1024), {}),
        (SigningKey("k", "ES256"), {"use": "enc"}),
        (SigningKey("k", "ES256"), {"key_ops": ["sign"]}),
        (SigningKey("k", "ES256"), {"kid": 1}),
        (SigningKey("k", "ES256"), {"alg": "HS256"}),
        (SigningKey("k", "ES256"), {"alg": ["ES256"]}),
        (SigningKey("k", "ES256"), {"kty": "oct", "k": "c2VjcmV0"}),
        (SigningKey("k", "ES256"), {"d": "AAAA"}),
        (SigningKey("k", "ES256"), {"x": "AAAA"}),
        (SigningKey("k", "ES256"), {"crv": 5}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_key_that_is_not_for_this_is_left_out(key: SigningKey, changes: dict[str, Any]) -> None:
    good = SigningKey("good")
    keys = KeySet(json.dumps({"keys": [key.described(**changes), good.described()]}).encode())
    assert keys.find(Header("ES256", "good")) is not None
    for algorithm in ("RS256", "ES256", "HS256"):
        assert keys.find(Header(algorithm, "k")) is None
    # Left out, it does not keep the other from being the only one.
    assert keys.find(Header("ES256", None)) is not None


def test_two_keys_by_one_name_are_none() -> None:
    keys = [SigningKey("k").described(), SigningKey("k").described()]
    assert KeySet(json.dumps({"keys": keys}).encode()).find(Header("ES256", "k")) is None


@pytest.mark.parametrize(
    "document", [b"", b"{}", b"[]", b'{"keys": {}}', b'{"keys": [1]}', b"\xff"]
)
def test_what_is_no_key_set_is_none(document: bytes) -> None:
    with pytest.raises(NoKeySet):
        KeySet(document)


# --- which claims --------------------------------------------------------------------------------


FAULTS: dict[str, dict[str, Any]] = {
    **{f"no {name}": {name: None} for name in claims()},
    "another issuer": {"iss": "elsewhere"},
    "another audience": {"aud": "elsewhere"},
    "expired": {"exp": datetime.now(UTC) - LEEWAY - timedelta(seconds=5)},
    "not yet": {"nbf": datetime.now(UTC) + timedelta(days=1)},
    "issued in the future": {"iat": datetime.now(UTC) + timedelta(days=1)},
    "unknown role": {"role": "king"},
    "a role that is a list": {"role": ["engineer"]},
    "an end beyond all numbers": {"exp": 10**400},
}


def test_a_faulty_claim_is_401(door: Callable[[], Door], publisher: KeyPublisher) -> None:
    key = SigningKey("k1")
    publisher.publish(key)
    at = door()
    assert [
        fault for fault, changes in FAULTS.items() if at.opens(key.sign(claims(**changes)))
    ] == []


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_clocks_may_differ_by_the_leeway_and_no_more(
    publisher: KeyPublisher, shared_api: Api, claim: str
) -> None:
    key = SigningKey("k1")
    publisher.publish(key)
    found = KeySet(publisher.document).find(Header("ES256", "k1"))
    assert found is not None
    now, edge = datetime.now(UTC), LEEWAY - timedelta(seconds=5)
    within = now - edge if claim == "exp" else now + edge
    beyond = now - LEEWAY * 2 if claim == "exp" else now + LEEWAY * 2
    assert read_token(shared_api.settings, found, key.sign(claims(**{claim: within})))
    with pytest.raises(Unauthorized):
        read_token(shared_api.settings, found, key.sign(claims(**{claim: beyond})))


def test_a_token_that_was_good_with_one_key_is_not_with_another(shared_api: Api) -> None:
    """Though the signature that was right is not checked twice."""
    key, other = SigningKey("k1"), SigningKey("k1")
    token = key.sign(claims())
    first, second = (
        KeySet(json.dumps({"keys": [each.described()]}).encode()).find(Header("ES256", "k1"))
        for each in (key, other)
    )
    assert isinstance(first, Key)
    assert isinstance(second, Key)
    read_token(shared_api.settings, first, token)
    with pytest.raises(Unauthorized):
        read_token(shared_api.settings, second, token)
    assert auth._verify.cache_info().maxsize
