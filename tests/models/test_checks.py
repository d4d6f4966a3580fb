"""Which data tests pass stands in the warehouse, for whoever reads it or watches over it."""

from live_warehouse import Warehouse

CHECK = "assert_few_sessions"
CHECKED = """
    select name, model, status, failures, failing_since is not null, failing_since < checked_at
    from live.checks
    order by name
"""


def test_each_test_that_ran_has_its_last_outcome(warehouse: Warehouse) -> None:
    """Whether it runs by `build` or by `test`; and since when it fails, if it does."""
    check = warehouse.project / "tests" / "dbt" / f"{CHECK}.sql"
    check.write_text("select * from {{ ref('facts') }} where account_id is null")
    both = warehouse.project / "tests" / "dbt" / "assert_both.sql"
    both.write_text("select 1 from {{ ref('facts') }}, {{ ref('flows') }} limit 0")
    warehouse.dbt("build", f"--select={CHECK} assert_both")
    assert warehouse.query(CHECKED) == [
        ("assert_both", None, "pass", 0, False, None),
        (CHECK, "facts", "pass", 0, False, None),
    ]

    check.write_text("select * from {{ ref('facts') }} where sessions = 1 limit 3")
    warehouse.dbt("test", f"--select={CHECK}", succeeds=False)
    assert warehouse.query(CHECKED)[1] == (CHECK, "facts", "fail", 3, True, False)
    warehouse.dbt("test", "--select=assert_both")
    assert warehouse.query(CHECKED)[1] == (CHECK, "facts", "fail", 3, True, False)

    check.write_text("select no_such_column from {{ ref('facts') }}")
    warehouse.dbt("build", f"--select={CHECK}", succeeds=False)
    assert warehouse.query(CHECKED)[1] == (CHECK, "facts", "error", None, True, True)

    check.write_text(
        "{{ config(severity='warn') }} select * from {{ ref('facts') }} where sessions = 1 limit 3"
    )
    warehouse.dbt("test", f"--select={CHECK}")
    assert warehouse.query(CHECKED)[1] == (CHECK, "facts", "warn", 3, False, None)

    check.unlink()
    warehouse.dbt("test", "--select=assert_both")
    assert [row[0] for row in warehouse.query(CHECKED)] == ["assert_both"]


def test_they_say_nothing_of_the_rows_that_were_found(warehouse: Warehouse) -> None:
    columns = warehouse.query(
        "select attname from pg_attribute where attrelid = 'live.checks'::regclass and attnum > 0"
    )
    names = ("name", "model", "status", "failures", "checked_at", "failing_since")
    assert columns == [(name,) for name in names]
