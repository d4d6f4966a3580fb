"""Mappings: which rows of an application's tables are which events; see docs/syncing.md."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

from ingest.settings import SettingsError

APPLICATION = Path(__file__).parent / "application.yaml"
"""The mapping that is used when no other is named."""

EventType = Literal[
    "account.upserted",
    "user.upserted",
    "user.erased",
    "flow.upserted",
    "session.started",
    "step.visited",
    "session.completed",
    "session.rated",
    "step.feedback",
    "session.deleted",
]


class Stream(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows that become events of one type."""

    name: Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,62}\Z")]
    event: EventType
    sql: Annotated[str, Meta(min_length=1)]
    """A query whose columns are `account_id`, `changed_at`, perhaps `occurred_at`, and the fields
    of the event's data."""


class Mapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    streams: Annotated[list[Stream], Meta(min_length=1)]
    """Read in this order."""
    reread_seconds: Annotated[int, Meta(ge=0, le=86_400 * 30)] = 3_600
    """How far back of the newest `changed_at` the next sync reads again: a transaction may commit
    that long after the time that it wrote."""


def read_mapping(path: Path) -> Mapping:
    """Return the mapping in a YAML file.

    Raises:
        SettingsError: it cannot be read, or is no mapping.
    """
    try:
        mapping = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Mapping)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"The mapping {path} cannot be used: {reason}.") from None
    names = [stream.name for stream in mapping.streams]
    if len(names) != len(set(names)):
        raise SettingsError(f"The mapping {path} cannot be used: two streams have the same name.")
    return mapping
