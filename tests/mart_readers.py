"""Reading a mart as others do: JSON, Python's csv, pyarrow and DuckDB."""

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
from conftest import Api

Rows = list[dict[str, Any]]
ALL = "all"


def get(api: Api, name: str, /, *, role: str = "team_admin", **parameters: Any) -> httpx.Response:
    return api("GET", f"/marts/{name}", role=role, params=parameters)


def rows_of(api: Api, name: str, /, **parameters: Any) -> Rows:
    """The rows of a page of JSON."""
    answer = get(api, name, **parameters)
    assert answer.status_code == 200, answer.text
    found: Rows = answer.json()["data"]
    return found


def by_pages(api: Api, name: str, limit: int, /, **parameters: Any) -> Rows:
    """All rows, by following the cursors."""
    found: Rows = []
    cursor: dict[str, str] = {}
    while True:
        answer = get(api, name, limit=limit, **parameters, **cursor)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += body["data"]
        if body["meta"]["next_cursor"] is None:
            assert "next" not in answer.links
            return found
        assert len(body["data"]) == limit
        assert body["meta"]["next_cursor"] in answer.links["next"]["url"]
        cursor = {"cursor": body["meta"]["next_cursor"]}


def from_ndjson(content: bytes) -> Rows:
    return [json.loads(line) for line in content.splitlines()]


def from_arrow(content: bytes) -> Rows:
    return _plain(pa.ipc.open_stream(content).read_all())


def from_parquet(content: bytes) -> Rows:
    return _plain(pq.read_table(io.BytesIO(content)))


def from_parquet_by_duckdb(content: bytes, folder: Path) -> Rows:
    file = folder / "mart.parquet"
    file.write_bytes(content)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        return _plain(connection.read_parquet(str(file)).to_arrow_table())


def from_arrow_by_duckdb(content: bytes) -> Rows:
    table = pa.ipc.open_stream(content).read_all()
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        return _plain(connection.from_arrow(table).to_arrow_table())


def _plain(table: Any) -> Rows:
    return [{name: _as_json(value) for name, value in row.items()} for row in table.to_pylist()]


def _as_json(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    return float(value) if isinstance(value, Decimal) else value


def from_csv(content: bytes, like: Rows) -> Rows:
    """Read cells as what the same rows have in JSON: CSV knows no types."""
    lines = list(csv.reader(io.StringIO(content.decode(), newline="")))
    names, cells = lines[0], lines[1:]
    kinds: dict[str, Callable[[str], Any]] = {}
    for name in names:
        values = [row[name] for row in like if row[name] is not None]
        kinds[name] = _READ[type(values[0])] if values else str
    return [
        {
            name: None if cell == "" else kinds[name](cell)
            for name, cell in zip(names, row, strict=True)
        }
        for row in cells
    ]


_READ: dict[type, Callable[[str], Any]] = {
    int: int,
    float: float,
    bool: lambda cell: {"true": True, "false": False}[cell],
    str: str,
}


def behind_an_apostrophe(rows: Rows) -> Rows:
    """Return the rows as CSV has them: no text begins as a formula does."""
    return [
        {
            name: f"'{value}" if isinstance(value, str) and value[:1] in set("=+-@\t\r") else value
            for name, value in row.items()
        }
        for row in rows
    ]


def assert_alike_in_every_format(
    api: Api, name: str, folder: Path, *, limit: str, **parameters: Any
) -> Rows:
    """Each format has the same rows, read by each of its readers; return them."""
    content = {
        form: get(api, name, format=form, limit=limit, **parameters)
        for form in ("ndjson", "csv", "parquet", "arrow")
    }
    assert {answer.status_code for answer in content.values()} == {200}, name
    expected = from_ndjson(content["ndjson"].content)
    read = {
        "csv": from_csv(content["csv"].content, expected),
        "parquet": from_parquet(content["parquet"].content),
        "parquet by DuckDB": from_parquet_by_duckdb(content["parquet"].content, folder),
        "arrow": from_arrow(content["arrow"].content),
        "arrow by DuckDB": from_arrow_by_duckdb(content["arrow"].content),
    }
    assert behind_an_apostrophe(expected) == read.pop("csv"), name
    for reader, rows in read.items():
        assert expected == rows, (name, reader)
    return expected
