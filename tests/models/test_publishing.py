"""What changed is tested beside what is served, and takes its place at the end, whole or not."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from conftest import BIN
from live_warehouse import CHANGES, Warehouse, reading

FACTS = "models/marts/facts.sql"
DAILY_OUTCOMES = "models/marts/daily_outcomes.sql"
LONGER = ("sum(duration_microseconds)", "sum(duration_microseconds + 60000000 * completed)")
MINUTES = "select sum(duration_microseconds) / 60000000 from marts.{}"
COMPLETED = "select sum(completed) from marts.facts"
LEFT = """
    select
        (select count(*) from live.candidates)
        + (select count(*) from live.models where definition ->> 'schema' <> 'marts')
        + (select count(*) from pg_namespace where nspname like 'candidates%%')
        + (
            select count(*) from pg_class
            where
                relnamespace = 'live'::regnamespace
                and relkind <> 'i'
                and relname like '%%\\_\\_c\\_%%'
        )
"""
BUILD = ("build", "--exclude-resource-type=unit_test")
WAITING = "assert_somebody_lets_go"


def with_only_tests_of(warehouse: Warehouse, **checks: str) -> None:
    """Replace the project's tests across models, which know what a figure is."""
    for test in (warehouse.project / "tests" / "dbt").glob("*.sql"):
        test.unlink()
    for name, sql in checks.items():
        (warehouse.project / "tests" / "dbt" / f"{name}.sql").write_text(sql)


def test_what_passed_is_served_at_once_and_exact(warehouse: Warehouse) -> None:
    """Of all rows, with what reads it, and while refreshes go on."""
    with_only_tests_of(
        warehouse,
        assert_it_is_longer="""
            select * from {{ ref('daily_outcomes') }}
            where duration_microseconds < 60000000 * completed
        """,
    )
    warehouse.edit(DAILY_OUTCOMES, *LONGER)
    before = warehouse.value(MINUTES.format("daily_outcomes"))
    with reading(warehouse.url, MINUTES.format("daily_outcomes"), COMPLETED) as (minutes, facts):
        run = warehouse.dbt(*BUILD, "--select=daily_outcomes+")
    assert run.sentence("Published marts.daily_outcomes")
    assert facts.answers == [warehouse.value(COMPLETED)]
    assert minutes.answers == [before, before + facts.answers[0]]
    assert warehouse.value(LEFT) == 0
    warehouse.assert_exact()


def test_what_reads_a_change_changes_with_it_or_not_at_all(warehouse: Warehouse) -> None:
    """Whether it is selected or not: in one statement they never disagree."""
    together = f"""
        select array[({MINUTES.format("facts")}), ({MINUTES.format("account_days")})]
    """
    warehouse.edit(FACTS, "1000000 * extract(", "2000000 * extract(")
    before = warehouse.value(MINUTES.format("facts"))
    with_only_tests_of(warehouse, assert_nothing="select * from {{ ref('account_days') }}")
    with reading(warehouse.url, together) as (blocked,):
        run = warehouse.dbt(*BUILD, "--select=facts assert_nothing", succeeds=False)
    assert blocked.answers == [[before, before]]
    assert run.sentence("Not published, and served as before: marts.account_days")
    assert warehouse.value(LEFT) == 0

    with_only_tests_of(warehouse)
    with reading(warehouse.url, together) as (both,):
        warehouse.dbt(*BUILD, "--select=facts")
    assert both.answers == [[before, before], [2 * before, 2 * before]]
    warehouse.assert_exact()


def test_data_at_fault_elsewhere_does_not_hold_it_up(warehouse: Warehouse) -> None:
    """The run fails, and what has nothing to do with that is published; a warning is none."""
    with_only_tests_of(
        warehouse,
        assert_no_votes="select * from {{ ref('daily_step_feedback') }}",
        assert_few="{{ config(severity='warn') }} select * from {{ ref('daily_outcomes') }}",
    )
    warehouse.edit(DAILY_OUTCOMES, *LONGER)
    before = warehouse.value(MINUTES.format("daily_outcomes"))
    run = warehouse.dbt(
        *BUILD, "--select=daily_outcomes assert_no_votes assert_few", succeeds=False
    )
    assert run.sentence("Published marts.daily_outcomes")
    assert warehouse.value(MINUTES.format("daily_outcomes")) > before
    assert warehouse.query("select name, status from live.checks where status <> 'pass'") == [
        ("assert_few", "warn"),
        ("assert_no_votes", "fail"),
    ]


def test_a_model_at_fault_holds_all_of_the_change_up(warehouse: Warehouse) -> None:
    warehouse.edit(DAILY_OUTCOMES, *LONGER)
    warehouse.edit("models/marts/daily_ratings.sql", "sum(ratings)", "count(ratings)")
    before = warehouse.value(MINUTES.format("daily_outcomes"))
    with_only_tests_of(warehouse)
    run = warehouse.dbt(*BUILD, "--select=daily_outcomes daily_ratings", succeeds=False)
    assert run.sentence("Not published, and served as before: ").endswith(
        "These did not pass: daily_ratings."
    )
    assert warehouse.value(MINUTES.format("daily_outcomes")) == before
    assert warehouse.value(LEFT) == 0


def test_the_first_build_serves_what_passed(warehouse: Warehouse) -> None:
    """There is nothing else to serve; what a failed test reads is not, nor what reads that."""
    warehouse.query("drop schema live, marts, staging cascade")
    with_only_tests_of(warehouse, assert_no_votes="select * from {{ ref('step_vote_facts') }}")
    run = warehouse.dbt(
        "build", "--select=+daily_outcomes +daily_step_feedback assert_no_votes", succeeds=False
    )
    assert "marts.step_vote_facts" in run.sentence("Not published")
    assert warehouse.query("select model from live.models order by model") == [
        ("daily_outcomes",),
        ("facts",),
    ]
    assert warehouse.value(LEFT) == 0
    assert warehouse.wrong_rows() == {}


def test_a_full_refresh_is_tested_first_as_well(warehouse: Warehouse) -> None:
    warehouse.query("update live.daily_outcomes__stored set completed = completed + 1")
    with_only_tests_of(warehouse)
    run = warehouse.dbt("build", "--select=facts+1", "--full-refresh", "--resource-type=model")
    assert "STAGED" in run.said
    assert warehouse.value(LEFT) == 0
    warehouse.assert_exact()


def test_changed_columns_take_their_readers_along(warehouse: Warehouse) -> None:
    """A view cannot change its columns but by adding some: it and what reads it are made anew."""
    with_only_tests_of(warehouse)
    view = "models/marts/periods.sql"
    warehouse.edit(
        view,
        "        day_from,\n        day_to\n    from windows",
        "        day_to,\n        day_from\n    from windows",
    )
    warehouse.dbt(*BUILD, "--select=periods+", "--exclude-resource-type=test")
    assert warehouse.query(
        """
        select attname from pg_attribute
        where attrelid = 'marts.periods'::regclass and attnum > 0 order by attnum
        """
    ) == [("account_id",), ("period",), ("day_to",), ("day_from",)]
    assert warehouse.value("select to_regclass('marts.account_summaries') is not null")
    warehouse.assert_exact()


@contextmanager
def waiting_build(
    warehouse: Warehouse,
) -> Iterator[tuple[subprocess.Popen[str], psycopg.Connection[Any]]]:
    """A build whose test waits until somebody lets go of a lock."""
    with_only_tests_of(
        warehouse,
        **{
            WAITING: """
                select 1 from {{ ref('daily_outcomes') }}
                where false
                union all
                select 1 where (select pg_advisory_xact_lock_shared(4711)::text) is null
            """
        },
    )
    command = [str(BIN / "dbt"), *BUILD, f"--select=daily_outcomes {WAITING}", *warehouse.options]
    with psycopg.connect(warehouse.url, autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(4711)")
        environment = os.environ | {"PGOPTIONS": ""}
        build = subprocess.Popen(
            [*command, "--log-level=info"], stdout=subprocess.PIPE, text=True, env=environment
        )
        try:
            while not warehouse.value(
                "select exists (select from pg_locks where locktype = 'advisory'"
                " and objid = 4711 and not granted)"
            ):
                assert build.poll() is None, build.communicate()
                time.sleep(0.1)
            yield build, holder
        finally:
            build.kill()
            build.communicate()


def test_what_a_killed_run_leaves_is_cleared_away(warehouse: Warehouse) -> None:
    """Until then nobody reads it, and refreshes keep it exact."""
    warehouse.edit(DAILY_OUTCOMES, *LONGER)
    before = warehouse.value(MINUTES.format("daily_outcomes"))
    with waiting_build(warehouse) as (build, holder):
        build.send_signal(signal.SIGKILL)
        build.wait()
        holder.execute(
            "select pg_terminate_backend(pid) from pg_locks where objid = 4711 and not granted"
        )
    assert warehouse.value(LEFT) > 0
    assert warehouse.value(MINUTES.format("daily_outcomes")) == before
    warehouse.query(CHANGES)
    warehouse.dbt("run-operation", "refresh")
    (candidate,) = (
        name
        for (name,) in warehouse.query(
            "select model from live.models where model like 'daily_outcomes__c_%%'"
        )
    )
    found, expected = f"live.{candidate}__stored", f"live.{candidate}__recomputed"
    assert warehouse.query(f"table {found} except all table {expected}") == []
    assert warehouse.query(f"table {expected} except all table {found}") == []

    with_only_tests_of(warehouse)
    run = warehouse.dbt(*BUILD, "--select=daily_outcomes")
    assert run.sentence("Cleared away what the killed run")
    assert run.sentence("Published marts.daily_outcomes")
    assert warehouse.value(LEFT) == 0
    warehouse.assert_exact()


def test_a_run_that_is_overtaken_publishes_nothing(warehouse: Warehouse) -> None:
    """It lives, so nobody clears its candidates away; but what they stand beside has changed."""
    warehouse.edit(DAILY_OUTCOMES, *LONGER)
    with waiting_build(warehouse) as (build, holder):
        warehouse.edit(DAILY_OUTCOMES, "60000000 * completed", "120000000 * completed")
        with_only_tests_of(warehouse)
        run = warehouse.dbt("run", "--select=daily_outcomes")
        assert "Cleared away" not in run.said
        published = warehouse.value(MINUTES.format("daily_outcomes"))
        holder.execute("select pg_advisory_unlock(4711)")
        said, _ = build.communicate(timeout=120)
    assert build.returncode == 1
    assert "Another run has published meanwhile" in said, said
    assert warehouse.value(MINUTES.format("daily_outcomes")) == published
    assert warehouse.value(LEFT) == 0
    warehouse.assert_exact()
