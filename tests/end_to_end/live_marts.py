"""The live marts of one database: how they are refreshed, and whether they are exact."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from dbt_runs import Dbt
from psycopg import sql

PLANNED_ONCE = """
set plan_cache_mode = force_generic_plan;
set enable_seqscan = off;
set enable_bitmapscan = off;
set enable_hashjoin = off;
set enable_mergejoin = off;
set jit = off
"""
COLUMNS = """
select
    model,
    (
        select array_agg(attribute.attname::text order by attribute.attnum)
        from pg_attribute as attribute
        where attribute.attrelid = ('marts.' || model)::regclass and attribute.attnum > 0
    ) as columns,
    depth
from live.models
-- Not what a build has not published yet.
where definition ->> 'schema' = 'marts'
"""
COMPARISON = """
select
    {name_of_left} as name_of_left,
    {name_of_right} as name_of_right,
    coalesce(sum(greatest(surplus, 0)), 0)::bigint as only_left,
    coalesce(sum(greatest(- surplus, 0)), 0)::bigint as only_right
from (
    select sum(side) as surplus
    from (
        select {columns}, 1 as side from {left} where account_id = any(%(accounts)s)
        union all
        select {columns}, -1 from {right} where account_id = any(%(accounts)s)
    ) as rows
    group by {columns}
) as compared
"""


class LiveMarts:
    """The live marts that dbt has built in a database."""

    def __init__(self, url: str, dbt: Dbt, script: Sequence[str]) -> None:
        """Take the statements of a refresh, as dbt ran them: they do not depend on data."""
        self.url = url
        self._dbt = dbt
        self.script = list(script)
        self._refresher = psycopg.connect(url, autocommit=True)
        self.owner = psycopg.connect(url, autocommit=True)
        # Planning the comparison takes ten times as long as running it, so it is planned once,
        # when there are no rows yet: by the indexes, and it takes as long however many come.
        self.owner.prepare_threshold = 0
        self.owner.execute(PLANNED_ONCE, prepare=False)
        self._compare = self._comparison()

    def close(self) -> None:
        self._refresher.close()
        self.owner.close()

    def refresh(self) -> None:
        """Have dbt refresh."""
        self._dbt.refresh()

    def repair(self) -> None:
        self._dbt.repair()

    @contextmanager
    def refreshing(self, after: float) -> Iterator[None]:
        """Run what a refresh runs; the block when that share of its statements is done."""
        place = round(after * len(self.script))
        with self._refresher.transaction():
            self._run(self.script[:place])
            yield
            self._run(self.script[place:])

    def _run(self, statements: Sequence[str]) -> None:
        # Sent together, as dbt does: several at once are never prepared.
        if statements:
            self._refresher.execute(";\n".join(statements).encode())

    def alter(self, statements: str) -> None:
        """Change the database as an owner may."""
        self.owner.execute(statements.encode(), prepare=False)

    def differences(self, accounts: Sequence[UUID]) -> dict[str, int]:
        """Return how many rows are on one side only, by the sides; empty where all is exact."""
        found = self.owner.execute(self._compare, {"accounts": list(accounts)}).fetchall()
        return {
            f"{side}, not {other}": rows
            for left, right, only_left, only_right in found
            for side, other, rows in ((left, right, only_left), (right, left, only_right))
            if rows
        }

    def _comparison(self) -> sql.Composed:
        """Compare every live model with all of raw, and every sum with what is stored.

        Each side is read once: a row as often on the one as on the other adds up to nothing.
        """
        pairs = []
        for model, columns, depth in self.owner.execute(COLUMNS):
            pairs.append((("marts", model), ("live", f"{model}__recomputed"), columns))
            if depth > 0:
                pairs.append(
                    (("live", f"{model}__stored"), ("live", f"{model}__resummed"), columns)
                )
        assert pairs, "there is nothing to compare"
        return sql.SQL(" union all ").join(
            sql.SQL(COMPARISON).format(
                name_of_left=".".join(left),
                name_of_right=".".join(right),
                columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                left=sql.Identifier(*left),
                right=sql.Identifier(*right),
            )
            for left, right, columns in pairs
        )


def statements_of(script: str) -> list[str]:
    """Cut a script into its statements, without remarks; no text in it has a semicolon.

    >>> statements_of("/* dbt; */ select 1; -- one; two\\nselect 2;")
    ['select 1', 'select 2']
    """
    bare = re.sub(r"/\*.*?\*/|--[^\n]*", "", script, flags=re.DOTALL)
    statements = (" ".join(each.split()) for each in bare.split(";"))
    return [each for each in statements if each]


def script_of_refresh(dbt: Dbt, url: str) -> list[str]:
    """Refresh for the sake of the statements: the longest that dbt runs is all of it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into raw.changes (account_id, session_id, received_at)"
            " values (gen_random_uuid(), gen_random_uuid(), now())"
        )
    ran: list[str] = []

    def note(event: Any) -> None:
        if event.info.name == "SQLQuery":
            ran.append(event.data.sql)

    dbt.refresh(note)
    return statements_of(max(ran, key=len))
