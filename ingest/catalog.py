"""Which marts are served: what the models' YAML says, as they were built, and judged here.

A model asks to be served by `meta: {serve: true}`. One that cannot be is refused with the reason.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from ingest.column_types import ColumnType, column_type

ACCOUNT = "account_id"
PARAMETERS = (
    *("columns", "order_by", "limit", "cursor", "total", "format"),
    *("from", "to"),
    ACCOUNT,
)
"""What else a query may say; no column can have such a name."""
PII = "pii"

_COLUMN_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class ColumnEntry(Struct, frozen=True):
    name: str
    data_type: str | None
    description: str = ""
    tags: list[str] = []
    unit: str | None = None
    constraints: list[str] = []


class Constraint(Struct, frozen=True):
    type: str
    columns: list[str] = []


class DataTest(Struct, frozen=True):
    name: str
    columns: list[str | None]


class Definition(Struct, frozen=True):
    """What the YAML says of a model; macros/live/served.sql writes it."""

    name: str
    version: str | int | float | None
    latest_version: str | int | float | None
    schema: str
    identifier: str
    description: str
    has_contract: bool
    tags: list[str]
    columns: list[ColumnEntry]
    constraints: list[Constraint]
    tests: list[DataTest]

    @property
    def names(self) -> list[str]:
        """Under which names it is served: the latest version under its bare name, too."""
        if self.version is None:
            return [self.name]
        versioned = f"{self.name}.v{self.version}"
        return [self.name, versioned] if self.version == self.latest_version else [versioned]

    @property
    def key(self) -> list[str] | None:
        """What tells its rows apart: its primary key, or what a test says is unique."""
        not_null = self.not_null
        for constraint in self.constraints:
            if constraint.type == "primary_key":
                return constraint.columns
        for column in self.columns:
            if "primary_key" in column.constraints:
                return [column.name]
        for test in self.tests:
            columns = [each for each in test.columns if each is not None]
            # dbt's own test takes no notice of nulls.
            if test.name == "unique_combination" or (
                test.name == "unique" and not_null.issuperset(columns)
            ):
                return columns
        return None

    @property
    def not_null(self) -> set[str]:
        """The columns that are never null."""
        found = {
            column.name
            for column in self.columns
            if {"not_null", "primary_key"}.intersection(column.constraints)
        }
        for constraint in self.constraints:
            if constraint.type in {"primary_key", "not_null"}:
                found.update(constraint.columns)
        for test in self.tests:
            if test.name == "not_null":
                found.update(each for each in test.columns if each is not None)
        return found


class Column(Struct, frozen=True):
    name: str
    type: ColumnType
    description: str
    unit: str | None
    is_nullable: bool


StaysFor = Literal["day", "minute"] | None
"""Until the account's day ends, or the minute; or not at all."""


class Mart(Struct, frozen=True):
    """A mart that is served. Its rows are those of one account: that column is not shown."""

    name: str
    schema: str
    identifier: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Tells the rows of an account apart; empty where it has one."""
    stays_for: StaysFor
    """How long an answer stays true while the account does not change."""

    @property
    def grain(self) -> str | None:
        """The sentence that says what a row is."""
        sentences = re.split(r"(?<=\.)\s+", self.description)
        return next((each for each in sentences if each.startswith("One row per ")), None)

    @property
    def has_periods(self) -> bool:
        """Whether its rows are of periods, so that any window can be asked for."""
        period = self.by_name.get("period")
        return period is not None and period.type.is_text

    @property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    def filters_of(self, column: Column) -> list[str]:
        """Return the parameters that filter by a column; a column's own name goes before a range.

        A mart with the columns `day` and `day_from` has no `day_from` that begins a range of days.
        """
        ranges = [f"{column.name}_from", f"{column.name}_to"] if column.type.has_range else []
        taken = {*self.by_name, *PARAMETERS}
        return [column.name, *(each for each in ranges if each not in taken)]


class Refusal(Struct, frozen=True):
    """A mart that asks to be served and is not."""

    name: str
    reason: str


class Entry(Struct, frozen=True):
    """What a model asks to be served as, as it was built."""

    definition: Definition
    stays_for: StaysFor


class Catalog(Struct, frozen=True):
    """All marts that are served, by name, and those that are not."""

    marts: dict[str, Mart]
    refused: tuple[Refusal, ...]
    fingerprint: str
    """Another one whenever anything of it is."""
    failing: tuple[str, ...] = ()
    """The names of the checks that fail, of which answers warn."""

    @classmethod
    def of(cls, entries: Iterable[Entry], failing: tuple[str, ...] = ()) -> "Catalog":
        marts: dict[str, Mart] = {}
        refused = []
        known = sorted(entries, key=lambda entry: (entry.definition.name, entry.definition.names))
        for entry in known:
            for name in entry.definition.names:
                judged = judge(name, entry)
                if isinstance(judged, Refusal):
                    refused.append(judged)
                else:
                    marts[name] = judged
        digest = hashlib.sha256(msgspec.json.encode((known, failing))).hexdigest()
        return cls(dict(sorted(marts.items())), tuple(refused), digest, failing)


def judge(name: str, entry: Entry) -> Mart | Refusal:
    """Return the mart as it is served under that name, or why it is not."""
    definition = entry.definition
    types = [column_type(column.data_type or "") for column in definition.columns]
    reason = _reason_against(definition, types)
    key = definition.key
    if reason is None and key is None:
        reason = (
            "It needs a key to page by: a primary_key constraint, or the data test unique or"
            " unique_combination."
        )
    if reason is not None:
        return Refusal(name, reason)
    return Mart(
        name=name,
        schema=definition.schema,
        identifier=definition.identifier,
        description=" ".join(definition.description.split()),
        columns=tuple(
            Column(
                name=column.name,
                type=kind,
                description=" ".join(column.description.split()),
                unit=column.unit,
                is_nullable=column.name not in definition.not_null,
            )
            for column, kind in zip(definition.columns, types, strict=True)
            if column.name != ACCOUNT and kind is not None
        ),
        key=tuple(each for each in key or () if each != ACCOUNT),
        stays_for=entry.stays_for,
    )


def _reason_against(definition: Definition, types: Sequence[ColumnType | None]) -> str | None:
    if not definition.has_contract:
        return (
            "It needs a contract: `contract: {enforced: true}`, and its columns with their types."
        )
    account = next((each for each in definition.columns if each.name == ACCOUNT), None)
    if account is None or account.data_type != "uuid":
        return "It needs the column account_id, a uuid: nobody may read another account's rows."
    if PII in definition.tags:
        return "It is tagged pii: personal data is not served."
    for column, kind in zip(definition.columns, types, strict=True):
        if PII in column.tags:
            return f"Its column {column.name} is tagged pii: personal data is not served."
        if kind is None:
            return f"Its column {column.name} has a type that is not served: {column.data_type}."
        if not _COLUMN_NAME.fullmatch(column.name):
            return (
                f"Its column {column.name} cannot be named in a query: a name has lower-case"
                " letters, digits and underscores."
            )
        if column.name in PARAMETERS and column is not account:
            return f"Its column {column.name} has the name of a parameter."
    if len(definition.columns) == 1:
        return "It has no other column than account_id."
    return None
