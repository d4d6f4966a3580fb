"""A snapshot sees no rows in a table that is newer than it: what it reads has to stay in place.

A live model whose columns change gets a new table in the place of the old one.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
import pytest
from conftest import Api

from ingest.contracts import served_in
from ingest.store.mart_rows import lock_statement
from ingest.store.statements import SQL

NAMED = re.compile(r"\b(?:live|marts)\.\w+")

TABLES_BEHIND = """
    with recursive behind (relation) as (
        select unnest(%s::text[])::regclass::oid
        union
        select pg_depend.refobjid
        from behind
        inner join pg_rewrite on behind.relation = pg_rewrite.ev_class
        inner join pg_depend
            on
                pg_rewrite.oid = pg_depend.objid
                and pg_depend.classid = 'pg_rewrite'::regclass
                and pg_depend.refclassid = 'pg_class'::regclass
    )
    select relation::regclass::text
    from behind
    where relation::regclass::text like 'live.%%\\_\\_stored'
"""

LOCKED = """
    select relation::regclass::text
    from pg_locks
    where pid = pg_backend_pid() and relation::regclass::text like 'live.%\\_\\_stored'
"""


@pytest.fixture
def reader(shared_live_api: Api) -> Iterator[psycopg.Connection[Any]]:
    """What the API reads with."""
    url = str(shared_live_api.settings.database_url)
    with psycopg.connect(url) as connection:
        connection.execute("set role upshot_reader")
        yield connection


def tables_behind(connection: psycopg.Connection[Any], names: Iterable[str]) -> set[str]:
    """Return the stored tables of the relations, and of those that they read."""
    return {name for (name,) in connection.execute(TABLES_BEHIND, [list(names)])}


def locked(connection: psycopg.Connection[Any]) -> set[str]:
    return {name for (name,) in connection.execute(LOCKED.encode())}


def test_what_the_statements_read_is_locked(reader: psycopg.Connection[Any]) -> None:
    named = {name for statement in SQL.values() for name in NAMED.findall(statement.decode())}
    there = "select name from unnest(%s::text[]) as name where to_regclass(name) is not null"
    needed = tables_behind(reader, [name for (name,) in reader.execute(there, [list(named)])])
    assert len(needed) > 10
    reader.execute(SQL["lock_stored"])
    assert locked(reader) == needed


def test_what_a_mart_reads_is_locked(shared_live_api: Api, reader: psycopg.Connection[Any]) -> None:
    marts = served_in(shared_live_api.settings).marts
    assert len(marts) > 10
    for mart in marts.values():
        needed = tables_behind(reader, [f"{mart.schema}.{mart.identifier}"])
        with reader.transaction(force_rollback=True):
            reader.execute(lock_statement(mart))
            assert locked(reader) == needed, mart.name
