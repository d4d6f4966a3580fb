"""The project on Citus, as far as one PostgreSQL can show: what stands in for it notes and refuses.

The tables stay on one server there, so the figures can be compared as everywhere.
"""

import re
from collections.abc import Callable, Iterator
from typing import LiteralString
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from citus_rules import broken
from citus_stand_in import stand_in_for_citus
from live_warehouse import HISTORY, Warehouse, copy_of_the_project, environment, variables
from parsed_project import ParsedProject

from ingest.store.bi_users import BiUser, make_bi_user, revoke_bi_user
from ingest.store.migrate import migrate

DAILY_OUTCOMES = "models/marts/daily_outcomes.sql"
BUILD = ("build", "--exclude-resource-type=unit_test")
THE_SAME = ("sum(duration_microseconds)", "sum(duration_microseconds + 0 * completed)")
# What lies on the coordinator although it has accounts, or on the nodes otherwise than the rest.
MISPLACED = """
    select pg_class.oid::regclass::text, distributed_by, beside
    from pg_class
    inner join pg_attribute
        on pg_class.oid = pg_attribute.attrelid and pg_attribute.attname = 'account_id'
    left join pg_dist_partition on pg_class.oid = logicalrelid
    where
        pg_class.relkind in ('r', 'p')
        and pg_class.relnamespace::regnamespace::text ~ '^(raw|staging|live|marts|candidates_.*)$'
        and pg_class.oid <> 'raw.quotas'::regclass
        and (distributed_by, beside) is distinct from (
            'account_id',
            case when pg_class.oid = 'raw.accounts'::regclass then 'none' else 'raw.accounts' end
        )
"""
VIEWS: LiteralString = """
    select oid::regclass::text, pg_get_viewdef(oid)
    from pg_class
    where
        relkind = 'v'
        and relnamespace::regnamespace::text in ('staging', 'live', 'marts')
"""
SPREAD = "select count(*) from pg_dist_partition where name like 'live.%'"


@pytest.fixture(scope="module")
def spread(
    new_database: Callable[[], str],
    parsed_project: ParsedProject,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Warehouse]:
    """All of the project, built where the extension is."""
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        stand_in_for_citus(connection)
        assert migrate(url) == []
        connection.execute(HISTORY)
    project = copy_of_the_project(tmp_path_factory.mktemp("spread") / "project")
    parsed_project.put(project / "target", url)
    warehouse = Warehouse(project, url)
    with variables(environment(url)):
        warehouse.dbt(*BUILD)
        yield warehouse


@pytest.fixture(autouse=True)
def well_laid(spread: Warehouse) -> Iterator[None]:
    """After all that a test does, every table lies by account, and all that ran keeps the rules."""
    spread.ran.clear()
    yield
    assert spread.query(MISPLACED) == []
    assert spread.ran
    assert {} == {sql: found for sql in spread.ran if (found := broken(without_dollars(sql)))}


def without_dollars(sql: str) -> str:
    """Leave out bodies and definitions between dollars, and remarks: none is a statement."""
    return re.sub(r"(?s)\$(\w*)\$.*?\$\1\$", "''", re.sub(r"(?s)/\*.*?\*/", "", sql))


def test_it_is_exact_when_built_while_pending_and_when_refreshed(spread: Warehouse) -> None:
    assert spread.value("select count(*) from live.models") > 10
    spread.assert_exact()
    # A refresh spreads nothing.
    tables = spread.value(SPREAD)
    spread.dbt("run-operation", "refresh")
    assert spread.value(SPREAD) == tables


def test_every_view_keeps_the_rules(spread: Warehouse) -> None:
    views = spread.query(VIEWS)
    assert len(views) > 50
    assert {} == {name: found for name, sql in views if (found := broken(sql))}
    spread.dbt("run-operation", "refresh")


def test_a_changed_model_is_tested_beside_and_published(spread: Warehouse) -> None:
    spread.edit(DAILY_OUTCOMES, *THE_SAME)
    run = spread.dbt(*BUILD, "--select=daily_outcomes")
    assert run.sentence("Published marts.daily_outcomes")
    spread.assert_exact()


def test_a_changed_model_is_published_at_once_by_run(spread: Warehouse) -> None:
    spread.edit(DAILY_OUTCOMES, "sum(resolved)", "sum(resolved + 0 * completed)")
    spread.dbt("run", "--select=daily_outcomes")
    spread.assert_exact()


def test_another_shape_takes_the_place_of_the_one_before(spread: Warehouse) -> None:
    """By build and by run, with what reads it."""
    file = spread.project / "models" / "marts" / "sessions_by_day.sql"
    columns = {"account_id": "uuid", "day": "date", "sessions": "bigint"}
    sums = (
        "select account_id, day, sum(sessions)::bigint as sessions{} from {{{{ ref('facts') }}}}"
        " group by account_id, day"
    )
    spread.add_model(file.stem, sums.format(""), columns, ["account_id", "day"])
    spread.dbt(*BUILD, "--select=sessions_by_day")
    for publishing in (BUILD, ("run",)):
        name = f"more_{publishing[0]}"
        columns = {**columns, name: "bigint"}
        more = "".join(f", sum(completed)::bigint as {each}" for each in [*columns][3:])
        spread.add_model(file.stem, sums.format(more), columns, ["account_id", "day"])
        spread.dbt(*publishing, "--select=sessions_by_day")
        assert spread.value(f"select sum({name}) > 0 from marts.sessions_by_day")
        spread.assert_exact()
    file.unlink()
    file.with_name("_sessions_by_day.yml").unlink()
    spread.dbt("run-operation", "forget", "--args", "{model: sessions_by_day}")


def test_all_of_it_is_rebuilt_and_repaired(spread: Warehouse) -> None:
    spread.dbt("run", "--full-refresh")
    spread.assert_exact()
    spread.query("update live.account_days__stored set sessions = sessions + 1")
    spread.dbt("run-operation", "repair")
    assert (
        spread.value("select count(*) from pg_class where relname ~ '__(building|repaired)$'") == 0
    )
    spread.assert_exact()


def test_a_table_of_dbts_own_is_spread_by_the_column_that_it_names(spread: Warehouse) -> None:
    file = spread.project / "models" / "marts" / "raters.sql"
    file.write_text(
        "{{ config(materialized='table', contract={'enforced': false}, meta={'distributed_by':"
        " 'user_id'}) }} select user_id, sum(ratings) as ratings from {{ ref('facts') }}"
        " group by user_id"
    )
    for _ in range(2):
        spread.dbt("run", "--select=raters")
        assert spread.query(
            "select distributed_by, beside from pg_dist_partition"
            " where logicalrelid = 'marts.raters'::regclass"
        ) == [("user_id", "default")]
    assert spread.value("select count(*) > 0 from marts.raters")
    file.unlink()


def test_a_model_says_by_one_of_its_columns_where_it_lies(spread: Warehouse) -> None:
    """A live one by the account, as what is pending is known by that."""
    columns = {"account_id": "uuid", "day": "date", "sessions": "bigint"}
    sql = (
        "select account_id, day, sum(sessions)::bigint as sessions from {{ ref('facts') }}"
        " group by account_id, day"
    )
    for column, says in {
        "acount_id": "is distributed by acount_id, which is none of its columns",
        "day": "is distributed by day: what is pending is known by account",
    }.items():
        spread.add_model(
            "misplaced", sql, columns, ["account_id", "day"], {"meta": {"distributed_by": column}}
        )
        run = spread.dbt("run", "--select=misplaced", succeeds=False)
        assert says in run.said
    for file in (spread.project / "models" / "marts").glob("*misplaced*"):
        file.unlink()


def test_a_bi_user_sees_one_account_by_a_function_that_every_node_has(spread: Warehouse) -> None:
    (account,) = {row[0] for row in spread.query("select md5('account 1')::uuid")}
    user = BiUser(name=f"bi_{uuid4().hex[:12]}", account_id=account)
    password = make_bi_user(spread.url, user, None)
    parts = urlsplit(spread.url)
    netloc = f"{user.name}:{password}@{parts.netloc.rpartition('@')[2]}"
    try:
        with psycopg.connect(parts._replace(netloc=netloc).geturl(), autocommit=True) as own:
            asked = "select distinct account_id from marts.{}"
            for mart in ("facts", "daily_outcomes", "users"):
                found = own.execute(asked.format(mart).encode()).fetchall()
                assert found in ([(account,)], [])
            assert own.execute(asked.format("facts").encode()).fetchall() == [(account,)]
    finally:
        revoke_bi_user(spread.url, user.name)
    # A policy that asks a table is none that Citus takes.
    assert [] == spread.query(
        "select polrelid::regclass::text from pg_policy inner join pg_dist_partition"
        " on polrelid = logicalrelid where pg_get_expr(polqual, polrelid) ~* 'select'"
    )
    assert spread.value(f"select access.account_of('{user.name}')") is None
    spread.dbt("run-operation", "refresh")


def test_a_script_is_cut_where_a_statement_ends(spread: Warehouse) -> None:
    script = """
        select 'a; b', "c;d" -- e; f
        ; /* g; */ do $x$ begin perform 1; end $x$;
        select $$;$$, e'it\\';s', 'it''s;';
    """
    (statements,) = spread.returned(("statements_of", [script]))
    assert [re.sub(r"\s+", " ", each) for each in statements] == [
        """select 'a; b', "c;d" -- e; f""",
        "/* g; */ do $x$ begin perform 1; end $x$",
        "select $$;$$, e'it\\';s', 'it''s;'",
    ]
