"""Whether every figure is what a computation from all of raw gives, in one snapshot."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import IsolationLevel, sql

Connection = psycopg.Connection[Any]

CHECKER = "checker"
"""What those who compare call themselves to the database."""


class Seen(NamedTuple):
    """What one snapshot showed."""

    rows: int
    """How many rows were compared."""
    version: frozenset[UUID]
    """What the last refresh of each account left."""
    wrong: list[str]


@contextmanager
def snapshot(url: str) -> Iterator[Connection]:
    """One snapshot of the database, until the block ends."""
    with psycopg.connect(url, application_name=CHECKER) as opened:
        opened.isolation_level = IsolationLevel.REPEATABLE_READ
        opened.read_only = True
        yield opened


def compare(connection: Connection) -> Seen:
    """Compare every live model with all of raw, and every stored sum with its parts."""
    models = connection.execute(
        "select model, definition from live.models"
        # Not what a build has not published yet.
        " where definition ->> 'schema' = 'marts' order by depth, model"
    ).fetchall()
    rows, wrong = 0, []
    for model, definition in models:
        served = sql.Identifier(definition["schema"], model)
        pairs = [(served, sql.Identifier("live", f"{model}__recomputed"))]
        if definition["reads"]:
            stored = sql.Identifier("live", f"{model}__stored")
            pairs.append((stored, sql.Identifier("live", f"{model}__resummed")))
        for found, expected in pairs:
            compared, differing = _compared(connection, definition, found, expected)
            rows += compared
            wrong += [f"{found.as_string()}: {each}" for each in differing]
    assert models, "there is nothing to compare"
    return Seen(rows, versions(connection), wrong)


def unsettled(connection: Connection) -> list[str]:
    """Return what a refresh that has nothing before it must not leave."""
    (pending,) = connection.execute("select count(*) from raw.changes").fetchone() or (0,)
    wrong = [f"{pending} changes are in the log"] if pending else []
    for model, definition in connection.execute(
        "select model, definition from live.models where definition ->> 'schema' = 'marts'"
    ):
        stored = sql.Identifier("live", f"{model}__stored")
        recomputed = sql.Identifier("live", f"{model}__recomputed")
        _, differing = _compared(connection, definition, stored, recomputed)
        wrong += [f"{stored.as_string()}: {each}" for each in differing]
    return wrong


def versions(connection: Connection) -> frozenset[UUID]:
    return frozenset(row[0] for row in connection.execute("select version from live.accounts"))


def _compared(
    connection: Connection,
    definition: dict[str, Any],
    found: sql.Identifier,
    expected: sql.Identifier,
) -> tuple[int, list[str]]:
    """Compare two relations both ways; return how many rows they have and which differ."""
    columns = sql.SQL(", ").join(sql.Identifier(each["name"]) for each in definition["columns"])
    statement = sql.SQL(
        "with found as materialized (select {columns} from {found}),"
        " expected as materialized (select {columns} from {expected}),"
        " differing as ("
        "  select 'not expected' as problem, * from (table found except all table expected) as a"
        "  union all"
        "  select 'missing' as problem, * from (table expected except all table found) as b)"
        " select (select count(*) from found) + (select count(*) from expected),"
        "  (select coalesce(array_agg(differing::text), '{{}}') from differing)"
    ).format(columns=columns, found=found, expected=expected)
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0], row[1]
