"""Columns of rows, as statements take them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from ingest.store.arrays import (
    COLUMNS,
    Bytes,
    Column,
    Documents,
    Flags,
    Moments,
    Numbers,
    Texts,
    Uuids,
    register_arrays,
)


@pytest.fixture(scope="module")
def connection(server_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(server_url, options="-c timezone=UTC") as connection:
        register_arrays(connection)
        yield connection


EXAMPLES: dict[type[Column[Any]], tuple[str, list[Any]]] = {
    Uuids: ("uuid", [uuid4(), None, UUID(int=0), UUID(int=2**128 - 1)]),
    Moments: (
        "timestamptz",
        [
            datetime(1970, 1, 1, tzinfo=UTC),
            None,
            datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(2026, 3, 1, 9, 30, 0, 250_001, tzinfo=timezone(timedelta(hours=-9.5))),
            datetime(9999, 12, 31, tzinfo=UTC),
        ],
    ),
    Bytes: ("bytea", [b"", None, b"\0\xff", bytes(16)]),
    Texts: ("text", ["", None, "null", 'Étape "2"\\\n\t{},', "👍"]),
    Numbers: ("smallint", [1, None, 5, -32_768]),
    Flags: ("boolean", [True, None, False]),
    Documents: ("jsonb", [[], None, [{"title": "Étape", "position": 0}]]),
}


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.__name__)
def test_a_column_arrives_as_it_was_sent(
    connection: psycopg.Connection[Any], column: type[Column[Any]]
) -> None:
    kind, values = EXAMPLES[column]
    for sent in (values, values[:1], []):
        rows = connection.execute(f"select unnest(%s::{kind}[])".encode(), [column(sent)])
        assert sent == [value for (value,) in rows]
