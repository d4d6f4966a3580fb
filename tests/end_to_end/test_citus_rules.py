"""Upshot scales out on Citus by keeping its rules: proven here as far as one PostgreSQL can.

`make test-citus` runs the tests on a coordinator, where one is at hand.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from citus_rules import OF_NO_ACCOUNT, RULES, broken, parsed
from dbt_runs import Dbt
from live_marts import script_of_refresh

from ingest.store.migrate import migrate
from ingest.store.statements import SQL

KEYS_WITHOUT_ACCOUNT: LiteralString = """
    select pg_index.indexrelid::regclass::text
    from pg_index
    inner join pg_class on pg_index.indrelid = pg_class.oid
    left join pg_attribute
        on
            pg_class.oid = pg_attribute.attrelid
            and pg_index.indkey[0] = pg_attribute.attnum
    where
        (pg_index.indisunique or pg_index.indisprimary)
        and pg_class.relnamespace::regnamespace::text in ('raw', 'staging', 'live', 'marts')
        and pg_class.oid::regclass::text <> all(%(of_no_account)s)
        and pg_attribute.attname is distinct from 'account_id'
"""
TABLES_WITHOUT_KEY: LiteralString = """
    select pg_class.oid::regclass::text
    from pg_class
    where
        pg_class.relkind = 'r'
        and pg_class.relnamespace::regnamespace::text in ('raw', 'live', 'marts')
        and not exists (
            select from pg_index
            where pg_index.indrelid = pg_class.oid and pg_index.indisprimary
        )
"""
REFUSED: LiteralString = """
    select 'trigger ' || tgname from pg_trigger where not tgisinternal
    union all
    select 'foreign key ' || conname from pg_constraint where contype = 'f'
    union all
    select 'identity ' || attrelid::regclass::text from pg_attribute
    where attidentity <> '' and attrelid::regclass::text ~ '^(raw|live|marts)\\.'
    union all
    select 'sequence ' || oid::regclass::text from pg_class
    where relkind = 'S' and relnamespace::regnamespace::text in ('raw', 'staging', 'live', 'marts')
"""
VIEWS: LiteralString = """
    select oid::regclass::text, pg_get_viewdef(oid)
    from pg_class
    where
        relkind = 'v'
        and relnamespace::regnamespace::text in ('staging', 'live', 'marts')
"""
HAS_CITUS: LiteralString = "select from pg_extension where extname = 'citus'"
UPSERT = (
    "insert into raw.users as stored (account_id) values (%(id)s)"
    " on conflict (account_id) do update set"
)
# As much of the extension as `upshot migrate` sees, which notes what is asked of it.
STAND_IN: LiteralString = """
    set allow_system_table_mods = on;
    insert into pg_extension
        (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    values (99999, 'citus', 10, 'public'::regnamespace, false, '13.2');
    reset allow_system_table_mods;
    create table pg_dist_partition (
        logicalrelid regclass primary key, distributed_by text, beside text
    );
    create function create_distributed_table(regclass, text, colocate_with text)
    returns void language sql as 'insert into pg_dist_partition values ($1, $2, $3)';
    create function create_reference_table(regclass)
    returns void language sql as 'insert into pg_dist_partition values ($1, null, null)';
"""


@pytest.fixture(scope="module")
def warehouse(new_warehouse: Callable[[], str]) -> str:
    return new_warehouse()


@pytest.fixture
def connection(warehouse: str) -> Iterator[psycopg.Connection[tuple[str, ...]]]:
    with psycopg.connect(warehouse, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("name", sorted(SQL))
def test_every_statement_of_the_api_keeps_the_rules(name: str) -> None:
    assert broken(SQL[name].decode()) == []


def test_every_view_keeps_the_rules(connection: psycopg.Connection[tuple[str, ...]]) -> None:
    views = connection.execute(VIEWS).fetchall()
    assert len(views) > 50
    assert {} == {name: found for name, sql in views if (found := broken(sql))}


def test_a_refresh_keeps_the_rules(warehouse: str, tmp_path: Path) -> None:
    script = script_of_refresh(Dbt(warehouse, tmp_path), warehouse)
    assert len(script) > 50
    assert [] == [problem for statement in script for problem in broken(statement)]


def test_the_account_leads_every_key_and_nothing_is_there_that_citus_refuses(
    connection: psycopg.Connection[tuple[str, ...]],
) -> None:
    of_no_account = sorted(OF_NO_ACCOUNT - {"raw.quotas"})
    found = connection.execute(KEYS_WITHOUT_ACCOUNT, {"of_no_account": of_no_account}).fetchall()
    assert [] == found
    assert [] == connection.execute(TABLES_WITHOUT_KEY).fetchall()
    assert [] == connection.execute(REFUSED).fetchall()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            "select 1 from raw.sessions as sessions join raw.users as users using (user_id)",
            "raw.users is read without its account_id",
        ),
        (
            "select 1 from raw.sessions where session_id = %(id)s and %(account_id)s is not null",
            "raw.sessions is read without its account_id",
        ),
        (
            "select 1 from raw.sessions where account_id = %(account_id)s or user_id = %(id)s",
            "raw.sessions is read without its account_id",
        ),
        ("select 1 from raw.changes for update", "for update needs account_id = constant"),
        (
            "select 1 from raw.changes where account_id = %(account_id)s for update skip locked",
            "skip locked is refused across nodes",
        ),
        (
            "select day, sum(n) from marts.days group by grouping sets ((day), ())",
            "grouping sets need account_id = constant",
        ),
        (f"{UPSERT} received_at = now()", "an upsert calls CURRENT_TIMESTAMP"),
        (
            f"{UPSERT} name = (select max(name) from raw.flows)",
            "an upsert has a query of its own",
        ),
        (
            "update raw.users set received_at = clock_timestamp() where account_id = %(id)s",
            "an update calls CLOCK_TIMESTAMP()",
        ),
        (
            "insert into raw.users as stored (account_id) values (%(id)s) returning user_id",
            "returning user_id lacks the table's alias",
        ),
    ],
)
def test_what_breaks_a_rule_is_found(wrong: str, says: str) -> None:
    assert says in broken(wrong)


@pytest.mark.parametrize(
    "right",
    [
        "select 1 from raw.changes where account_id = %(account_id)s for update",
        "select sum(n) from marts.d where account_id = %(account_id)s group by grouping sets (d)",
        f"{UPSERT} name = coalesce(excluded.name, stored.name) returning stored.name",
    ],
)
def test_what_keeps_the_rules_is_left_alone(right: str) -> None:
    assert broken(right) == []


def test_every_rule_is_broken_by_one_of_these_and_statements_are_read_whole() -> None:
    assert len(RULES) == 6
    assert [statement.key for statement in parsed("select 1; delete from raw.changes")] == [
        "select",
        "delete",
    ]


def test_a_migration_spreads_raw_by_account_where_it_finds_citus(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        if not connection.execute(HAS_CITUS).fetchall():
            connection.execute(STAND_IN)
        assert migrate(database_url) == []
        spread = connection.execute("select logicalrelid::text from pg_dist_partition").fetchall()
        tables = connection.execute(
            "select oid::regclass::text from pg_class"
            " where relnamespace = 'raw'::regnamespace and relkind = 'r'"
        ).fetchall()
        expected = {table for (table,) in tables} - {"raw.quotas"}
        assert expected | {"access.bi_users"} == {name for (name,) in spread}
        # Again, it finds nothing left to do.
        assert migrate(database_url) == []
