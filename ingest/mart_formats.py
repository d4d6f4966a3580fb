"""Rows of a mart as NDJSON, CSV, Parquet and Arrow, a batch at a time."""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.catalog import Column
from ingest.problems import NotAcceptable, invalid

Row = tuple[Any, ...]

JSON = "application/json"
ROWS_IN_A_ROW_GROUP = 50_000
LARGEST_PRECISION = 38
"""Of a decimal in 128 bits."""
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would run."""

_encoder = msgspec.json.Encoder(decimal_format="number")


class Encoder(Protocol):
    """Turns batches into bytes; what the methods return one after the other is the file."""

    def rows(self, rows: Sequence[Row]) -> bytes: ...
    def end(self) -> bytes: ...


def as_objects(columns: Sequence[Column], rows: Sequence[Row]) -> list[dict[str, Any]]:
    names = [column.name for column in columns]
    return [dict(zip(names, row, strict=True)) for row in rows]


def encode_json(thing: Any) -> bytes:
    """Return JSON; a number stays one, whatever its precision."""
    return _encoder.encode(thing)


class Ndjson:
    """A JSON object a line."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def rows(self, rows: Sequence[Row]) -> bytes:
        return _encoder.encode_lines(as_objects(self._columns, rows))

    def end(self) -> bytes:
        return b""


class Csv:
    """RFC 4180, in UTF-8, with a line of names; null is an empty cell.

    A text that a spreadsheet would take for a formula is put behind an apostrophe. A number is
    left alone, whatever its sign: it is none.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._cells = [_safe if column.type.is_text else _cell for column in columns]
        self._begin = [[column.name for column in columns]]

    def rows(self, rows: Sequence[Row]) -> bytes:
        file = io.StringIO(newline="")
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerows(self._begin)
        self._begin = []
        writer.writerows(
            [form(value) for form, value in zip(self._cells, row, strict=True)] for row in rows
        )
        return file.getvalue().encode()

    def end(self) -> bytes:
        return self.rows([])


def _safe(value: str | None) -> str | None:
    return f"'{value}" if value is not None and value.startswith(DANGEROUS) else value


def _cell(value: Any) -> Any:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case _:
            return value


class Parquet:
    """A file with its columns' types; a row group at a time is in memory."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._schema = arrow_schema(columns)
        self._sink = _Sink()
        self._writer = pq.ParquetWriter(pa.PythonFile(self._sink, mode="w"), self._schema)
        self._waiting: list[pa.RecordBatch] = []

    def rows(self, rows: Sequence[Row]) -> bytes:
        self._waiting.append(_record_batch(self._schema, rows))
        if sum(batch.num_rows for batch in self._waiting) >= ROWS_IN_A_ROW_GROUP:
            self._write()
        return self._sink.take()

    def _write(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting = []

    def end(self) -> bytes:
        self._write()
        self._writer.close()
        return self._sink.take()


class Arrow:
    """The IPC stream format."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._schema = arrow_schema(columns)
        self._sink = _Sink()
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._sink, mode="w"), self._schema)

    def rows(self, rows: Sequence[Row]) -> bytes:
        self._writer.write_batch(_record_batch(self._schema, rows))
        return self._sink.take()

    def end(self) -> bytes:
        self._writer.close()
        return self._sink.take()


class _Sink(io.RawIOBase):
    """A file that is taken away as it is written."""

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._written.append(piece)
        self._length += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._length

    def take(self) -> bytes:
        written, self._written = b"".join(self._written), []
        return written


_ARROW = {
    # As text: what reads Parquet has no type for it in common, and joins texts.
    "uuid": pa.string(),
    "text": pa.string(),
    "date": pa.date32(),
    "time without time zone": pa.time64("us"),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    # Its digits are unknown, and a decimal needs them. A rate of three digits survives.
    "numeric": pa.float64(),
    "double precision": pa.float64(),
    "real": pa.float32(),
    "boolean": pa.bool_(),
}


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the columns' types, with their descriptions beside them."""
    return pa.schema(
        [
            pa.field(
                column.name,
                _arrow_type(column),
                metadata={"description": column.description},
            )
            for column in columns
        ]
    )


def _arrow_type(column: Column) -> pa.DataType:
    precision = column.type.precision
    if precision is None or not 0 <= precision[1] <= precision[0] <= LARGEST_PRECISION:
        return _ARROW[column.type.name]
    # A view's numbers may be larger than its contract says: it is checked by the type's name alone.
    return pa.decimal128(LARGEST_PRECISION, precision[1])


def _record_batch(schema: pa.Schema, rows: Sequence[Row]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.record_batch(
        [
            pa.array(_arrow_values(field.type, values), field.type)
            for field, values in zip(schema, columns, strict=True)
        ],
        schema=schema,
    )


def _arrow_values(kind: pa.DataType, values: Sequence[Any]) -> Sequence[Any]:
    if pa.types.is_string(kind):
        return [None if value is None else str(value) for value in values]
    if pa.types.is_floating(kind):
        return [None if value is None else float(value) for value in values]
    if pa.types.is_decimal(kind):
        places = Decimal(1).scaleb(-kind.scale)
        return [
            value.quantize(places, ROUND_HALF_UP)
            if value is not None and value.is_finite()
            else None
            for value in values
        ]
    return values


MEDIA_TYPES = {
    "json": JSON,
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
"""By the name that `format` takes."""
ENCODERS: dict[str, Callable[[Sequence[Column]], Encoder]] = {
    "ndjson": Ndjson,
    "csv": Csv,
    "parquet": Parquet,
    "arrow": Arrow,
}
"""Of what can be made piece by piece; JSON is made as a whole."""


def chosen_format(named: str | None, accept: str | None) -> str:
    """Return the format that a request asks for: `format`, or else what Accept likes best.

    Raises:
        Invalid: there is no format of that name.
        NotAcceptable: none of what Accept has is made here.
    """
    if named is not None:
        if named not in MEDIA_TYPES:
            raise invalid("/format", f"This has to be one of {', '.join(MEDIA_TYPES)}.")
        return named
    liked: list[tuple[float, str]] = []
    for each in (accept or "*/*").split(","):
        media_type, *parameters = (part.strip().lower() for part in each.split(";"))
        liked.append((_quality(parameters), media_type))
    # Sorting is stable: of what is liked alike, the first.
    for quality, media_type in sorted(liked, key=lambda each: -each[0]):
        for name, own in MEDIA_TYPES.items():
            kind = own.partition("/")[0]
            if quality > 0 and media_type in {own, f"{kind}/*", "*/*"}:
                return name
    raise NotAcceptable(f"There is {', '.join(MEDIA_TYPES.values())}.")


def _quality(parameters: Sequence[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
