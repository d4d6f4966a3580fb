"""Upshot scales out on Citus by keeping its rules: proven here as far as one PostgreSQL can.

`make test-citus` runs the tests on a coordinator, where one is at hand.
"""

from collections.abc import Callable, Iterator
from typing import LiteralString

import psycopg
import pytest
from citus_rules import OF_NO_ACCOUNT, RULES, broken, parsed
from citus_stand_in import stand_in_for_citus

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
UPSERT = (
    "insert into raw.users as stored (account_id) values (%(id)s)"
    " on conflict (account_id) do update set"
)


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
        (
            (
                "select 1 from raw.changes as changes cross join lateral (select 1 from"
                " raw.sessions as s where s.account_id = changes.account_id offset 0) as beside"
            ),
            "raw.sessions is read in part beside a row",
        ),
        (
            (
                "select 1 from claimed where exists (select from raw.sessions as s"
                " where s.account_id = claimed.account_id)"
            ),
            "raw.sessions is looked up for a row of the coordinator",
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
        (
            "select 1 from (values (1)) as n cross join lateral (select 1 from raw.sessions"
            " where account_id = %(account_id)s limit 1) as beside"
        ),
        "select sum(n) from marts.d where account_id = %(account_id)s group by grouping sets (d)",
        f"{UPSERT} name = coalesce(excluded.name, stored.name) returning stored.name",
    ],
)
def test_what_keeps_the_rules_is_left_alone(right: str) -> None:
    assert broken(right) == []


def test_every_rule_is_broken_by_one_of_these_and_statements_are_read_whole() -> None:
    assert len(RULES) == 8
    assert [statement.key for statement in parsed("select 1; delete from raw.changes")] == [
        "select",
        "delete",
    ]


def test_a_migration_spreads_raw_by_account_where_it_finds_citus(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        stand_in_for_citus(connection)
        assert migrate(database_url) == []
        spread = connection.execute("select logicalrelid::text from pg_dist_partition").fetchall()
        tables = connection.execute(
            "select oid::regclass::text from pg_class"
            " where relnamespace = 'raw'::regnamespace and relkind = 'r'"
        ).fetchall()
        assert {table for (table,) in tables} - {"raw.quotas"} == {name for (name,) in spread}
        # Again, it finds nothing left to do.
        assert migrate(database_url) == []
