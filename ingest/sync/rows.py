"""Rows of an application's tables, made into events."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec

from ingest.problems import invalid
from ingest.sync.mapping import Stream

NAMESPACE = UUID("6f1d2a0e-7c0b-5a52-9c57-0f8f5d3a4b11")
"""Of the ids that are made here."""
IDS = frozenset({"account_id", "user_id", "flow_id", "session_id"})
NO_DATA = frozenset({"account_id", "changed_at", "occurred_at"})


class SourceRow(msgspec.Struct, frozen=True):
    """What one row says."""

    account_id: UUID
    event: bytes
    """As `POST /events` takes it."""


def to_event(stream: Stream, row: Mapping[str, Any]) -> SourceRow:
    """Return the event that a row stands for.

    The same row gives the same event, with the same id: to read it again changes nothing.

    Raises:
        Problem: a column is missing, or an id cannot be one.
    """
    for name in ("account_id", "changed_at"):
        if row.get(name) is None:
            raise invalid(f"/{name}", "The row has no value here.")
    account_id = to_uuid("account_id", row["account_id"])
    # What the row leaves open, the event leaves out.
    data = {
        name: to_uuid(name, value) if name in IDS else value
        for name, value in row.items()
        if name not in NO_DATA and (value is not None or name == "was_helpful")
    }
    if stream.event == "account.upserted":
        data["account_id"] = account_id
    event = {
        "type": stream.event,
        "occurred_at": _moment("occurred_at", row.get("occurred_at") or row["changed_at"]),
        "data": data,
    }
    try:
        said = msgspec.json.encode(event, order="sorted")
    except (TypeError, ValueError) as error:
        raise invalid("", f"The row cannot be written as JSON: {error}.") from None
    event_id = uuid5(NAMESPACE, f"{account_id} {said.decode()}")
    return SourceRow(account_id, msgspec.json.encode({"id": event_id} | event))


def to_uuid(name: str, value: object) -> UUID:
    """Return an id as it is, or, of an application that has other ids, one made of it.

    >>> to_uuid("user_id", "5f0c6f2e-6f0e-4c62-9a53-0d7f6a3d1b11")
    UUID('5f0c6f2e-6f0e-4c62-9a53-0d7f6a3d1b11')
    >>> to_uuid("user_id", 7) == to_uuid("user_id", "7") != to_uuid("flow_id", 7)
    True
    """
    if isinstance(value, UUID):
        return value
    if not isinstance(value, int | str):
        raise invalid(f"/{name}", "An id is a UUID, a number or a text.")
    try:
        return UUID(str(value))
    except ValueError:
        return uuid5(NAMESPACE, f"{name} {value}")


def _moment(name: str, value: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise invalid(f"/{name}", "It has to be a timestamp with time zone.")
    return value
