"""The live marts of one database: how they are refreshed, and whether they are exact."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from dbt_runs import Dbt
from psycopg import sql


class LiveMarts:
    """The live marts that dbt has built in a database."""

    def __init__(self, url: str, dbt: Dbt, script: Sequence[str]) -> None:
        """Take the statements of a refresh, as dbt ran them: they do not depend on data."""
        self.url = url
        self._dbt = dbt
        self.script = list(script)
        self.owner = psycopg.connect(url, autocommit=True)
        # Planning the comparison takes ten times as long as running it.
        self.owner.prepare_threshold = 0
        self.owner.execute("set plan_cache_mode = force_generic_plan")
        self._compare = self._comparison()

    def close(self) -> None:
        self.owner.close()

    def refresh(self) -> None:
        self._dbt.refresh()

    def repair(self) -> None:
        self._dbt.repair()

    @contextmanager
    def refreshing(self, after: float) -> Iterator[None]:
        """Run what a refresh runs; the block when that share of its statements is done."""
        place = round(after * len(self.script))
        with psycopg.connect(self.url, prepare_threshold=None) as connection:
            for statement in self.script[:place]:
                connection.execute(statement.encode())
            yield
            for statement in self.script[place:]:
                connection.execute(statement.encode())

    def alter(self, statements: str) -> None:
        """Change the database as an owner may."""
        self.owner.execute(statements.encode(), prepare=False)

    def differences(self, accounts: Sequence[UUID]) -> dict[str, int]:
        """Return how many rows are on one side only, by the sides; empty where all is exact."""
        found = self.owner.execute(self._compare, {"accounts": list(accounts)}).fetchall()
        return {sides: rows for sides, rows in found if rows}

    def _comparison(self) -> sql.Composed:
        """Compare every live model with all of raw, and every sum with what is stored."""
        sides = []
        for model, depth in self.owner.execute("select model, depth from live.models"):
            sides.append((("marts", model), ("live", f"{model}__recomputed")))
            if depth > 0:
                sides.append((("live", f"{model}__stored"), ("live", f"{model}__resummed")))
        assert sides, "there is nothing to compare"
        return sql.SQL(" union all ").join(
            sql.SQL(
                "select {sides} as sides, count(*) as rows from ("
                "select * from {left} where account_id = any(%(accounts)s) except all "
                "select * from {right} where account_id = any(%(accounts)s)) as differing"
            ).format(
                sides=f"{'.'.join(left)}, not {'.'.join(right)}",
                left=sql.Identifier(*left),
                right=sql.Identifier(*right),
            )
            for pair in sides
            for left, right in (pair, pair[::-1])
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
