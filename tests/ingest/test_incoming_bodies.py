"""How bodies come in: packed, in pieces, cut off."""

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from conftest import Api
from events import named

NDJSON = "application/x-ndjson"
MEGABYTE = 1_000_000


def send(
    api: Api,
    content: bytes | Iterator[bytes],
    *,
    coding: str | None = "gzip",
    content_type: str = "application/json",
) -> httpx.Response:
    headers = {"Content-Type": content_type}
    if coding is not None:
        headers["Content-Encoding"] = coding
    return api("POST", "/events", role="service", content=content, headers=headers)


def in_pieces(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def counts(answer: httpx.Response) -> dict[str, int]:
    assert answer.status_code in {200, 207}, answer.text
    found: dict[str, int] = answer.json()["counts"]
    return found


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def test_a_gzipped_array_is_the_array(api: Api) -> None:
    batch = json.dumps([named(), named()]).encode()
    assert counts(send(api, gzip.compress(batch)))["created"] == 2
    assert counts(send(api, batch, coding=None))["duplicate"] == 2


def test_gzipped_ndjson_is_its_lines(api: Api) -> None:
    batch = b"\n".join(json.dumps(named()).encode() for _ in range(300))
    answer = send(api, gzip.compress(batch), content_type=NDJSON)
    assert counts(answer)["created"] == 300


def test_a_single_call_may_be_gzipped(api: Api) -> None:
    body = {"name": "Ada", "role": "engineer"}
    answer = api(
        "PUT",
        f"/users/{uuid4()}",
        role="service",
        content=gzip.compress(json.dumps(body).encode()),
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("coding", [None, "gzip"])
def test_a_batch_may_come_in_pieces_of_any_size(api: Api, size: int, coding: str | None) -> None:
    batch = b"\r\n".join(json.dumps(named()).encode() for _ in range(5))
    content = gzip.compress(batch) if coding else batch
    answer = send(api, in_pieces(content, size), coding=coding, content_type=NDJSON)
    assert counts(answer)["created"] == 5


def test_gzip_members_follow_each_other(api: Api) -> None:
    first, second = (json.dumps(named()).encode() + b"\n" for _ in range(2))
    content = gzip.compress(first) + gzip.compress(second)
    assert counts(send(api, content, content_type=NDJSON))["created"] == 2
    answer = send(api, in_pieces(content, 1), content_type=NDJSON)
    assert counts(answer)["duplicate"] == 2


def test_what_a_body_unpacks_to_is_limited(api: Api) -> None:
    bomb = gzip.compress(b" " * 400 * MEGABYTE, 9)
    assert len(bomb) < MEGABYTE
    assert code(send(api, bomb)) == (413, "too_large")
    assert code(send(api, bomb, content_type=NDJSON)) == (413, "too_large")


def test_what_unpacks_to_just_the_largest_body_is_taken(api: Api) -> None:
    line = json.dumps(named()).encode()
    content = line + b" " * (MEGABYTE - len(line))
    answer = send(api, gzip.compress(content[:20_000] + b"\n" * (MEGABYTE - 20_000)))
    assert code(answer) == (400, "malformed_body")
    padded = line + b"\n" * (MEGABYTE - len(line))
    assert counts(send(api, gzip.compress(padded), content_type=NDJSON))["created"] == 1
    answer = send(api, gzip.compress(padded + b"\n"), content_type=NDJSON)
    assert code(answer) == (413, "too_large")


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-1],
        lambda packed: packed[:30],
        lambda packed: packed[:40] + b"\x00" + packed[41:],
        lambda packed: packed[:-8] + bytes(8),
        lambda packed: packed + b"more",
        lambda _: b"no gzip",
        lambda _: b"",
    ],
    ids=["cut", "cut early", "flipped", "wrong sum", "trailing", "none", "empty"],
)
def test_damaged_gzip_stores_nothing(api: Api, damage: Any) -> None:
    batch = json.dumps([named()]).encode()
    answer = send(api, damage(gzip.compress(batch, mtime=0)))
    assert code(answer) == (400, "malformed_body")
    assert counts(send(api, batch, coding=None))["created"] == 1


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip"])
def test_other_codings_are_415_and_say_what_is_read(api: Api, coding: str) -> None:
    answer = send(api, b"[]", coding=coding)
    assert code(answer) == (415, "unsupported_encoding")
    assert answer.headers["accept-encoding"] == "gzip, identity"


def test_a_batch_of_too_many_lines_is_refused_before_it_ends(api: Api) -> None:
    batch = b"\n".join(json.dumps(named()).encode() for _ in range(501))
    assert code(send(api, batch, coding=None, content_type=NDJSON)) == (413, "too_large")
    first = batch.partition(b"\n")[0]
    assert counts(send(api, first, coding=None, content_type=NDJSON))["created"] == 1


def test_a_client_that_hangs_up_is_no_fault_of_ours(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    head = (
        f"POST /api/v1/events HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {api.token('service')}\r\nContent-Length: 1000\r\n\r\n"
    )
    for _ in range(5):
        with socket.create_connection((host, int(port))) as client:
            client.sendall(head.encode() + b'[{"id":')
    assert counts(send(api, b"[]", coding=None))["created"] == 0
    assert [record.getMessage() for record in caplog.records if record.name == "upshot"] == []
