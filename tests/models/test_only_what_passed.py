"""A model that breaks a test never reaches readers; data that breaks one makes no figure wrong."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any, LiteralString
from uuid import uuid4

import pytest
from conftest import Api, Serve, with_changes
from live_warehouse import Warehouse, reading
from seeded_faults import (
    BAD_DATA,
    BAD_MODELS,
    CHECKS,
    DELETE,
    INSERT,
    UNCHECKED,
    BadData,
    BadModel,
)

from ingest import served
from ingest.settings import Settings
from ingest.store import reads

# Unit tests would find it before it is built.
BUILD = ("build", "--exclude-resource-type=unit_test")
IS_LONG = bool(os.environ.get("UPSHOT_SEEDED_FAULTS"))
MODELS, DATA = (BAD_MODELS, BAD_DATA) if IS_LONG else (BAD_MODELS[:5], BAD_DATA[:3])

# All the rows of a mart, as one value: what says which days it is moves at midnight.
ROWS = """
    select md5(string_agg(row, ',' order by row))
    from (
        select (to_jsonb(mart) - '{{day_from,day_to}}'::text[])::text as row
        from {} as mart
        where coalesce(to_jsonb(mart) ->> 'period', '30d') in ('30d', '90d')
    ) as rows
"""
# What the project is as it is served: registered, told to the API, and in the catalog.
SERVED = """
    select
        (select md5(string_agg(row::text, ',' order by row::text)) from live.models as row),
        (select md5(string_agg(row::text, ',' order by row::text)) from live.served as row),
        (select md5(string_agg(row::text, ',' order by row::text)) from live.figures as row),
        (select string_agg(name, ',' order by name) from live.checks where status = 'fail'),
        (
            select md5(string_agg(row::text, ',' order by row::text))
            from (
                select
                    relnamespace::regnamespace::text,
                    relname,
                    relkind,
                    case when relkind = 'v' then pg_get_viewdef(oid) end
                from pg_class
                where relnamespace::regnamespace::text ~ '^(candidates|live|marts|staging)'
                    and relname !~ '_(idx|pkey)'
            ) as row
        )
"""
# So that all of it lies in the last 30 days, and not in the last 2.
RECENT: LiteralString = """
create temporary table moved as
select account_id, date_trunc('day', now() - interval '5 days' - max(started_at)) as later
from raw.sessions
group by account_id;

update raw.sessions set started_at = started_at + later, completed_at = completed_at + later
from moved where moved.account_id = sessions.account_id;
update raw.session_ratings set occurred_at = occurred_at + later
from moved where moved.account_id = session_ratings.account_id;
update raw.step_visits set visited_at = visited_at + later
from moved where moved.account_id = step_visits.account_id;
update raw.step_feedback set occurred_at = occurred_at + later
from moved where moved.account_id = step_feedback.account_id;
insert into raw.changes (account_id, session_id, received_at)
select account_id, session_id, now() from raw.sessions;
"""


@pytest.fixture(scope="module")
def warehouse(shared_warehouse: Warehouse) -> Warehouse:
    """With a recent history, and checks of a team's own, which pass."""
    shared_warehouse.query(RECENT)
    shared_warehouse.query(UNCHECKED)
    for name, condition in CHECKS.items():
        (shared_warehouse.project / "tests" / "dbt" / f"{name}.sql").write_text(
            f"select * from {{{{ ref('stg_raw__sessions') }}}} where {condition}"
        )
    shared_warehouse.dbt("run-operation", "refresh")
    return shared_warehouse


@pytest.fixture(scope="module")
def api(warehouse: Warehouse, serve_module: Serve, base_settings: Settings) -> Iterator[Api]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reads, "FIGURES_SECONDS", 0.2)
        patch.setattr(served, "LOOK_SECONDS", 0.2)
        settings = with_changes(base_settings, database_url=warehouse.url)
        account_id = warehouse.value("select md5('account 1')::uuid")
        yield Api(serve_module(settings), settings, account_id)


@pytest.mark.parametrize("bad", MODELS, ids=str)
def test_a_bad_model_never_reaches_readers(warehouse: Warehouse, bad: BadModel) -> None:
    """The run is red and says why; the old definition is served all the time, and exact."""
    mart = f"{bad.folder}.{bad.model}"
    text = (warehouse.project / bad.path).read_text()
    before = warehouse.query(SERVED)
    warehouse.edit(bad.path, bad.old, bad.new)
    try:
        with reading(warehouse.url, ROWS.format(mart), ROWS.format("marts.facts")) as readers:
            run = warehouse.dbt(*BUILD, f"--select={bad.model}", succeeds=False)
    finally:
        (warehouse.project / bad.path).write_text(text)
    assert [len(reader.answers) for reader in readers] == [1, 1]
    assert warehouse.query(SERVED) == before
    assert warehouse.wrong_rows() == {}
    if "STAGED" in run.said:
        assert mart in run.sentence("Not published, and served as before: ")


@pytest.mark.parametrize("bad", DATA, ids=str)
def test_bad_data_is_named_and_counted(warehouse: Warehouse, api: Api, bad: BadData) -> None:
    """The run is red, the figures are exact, and answers name the check until it passes."""
    session_id = uuid4()
    before = warehouse.value("select sum(sessions) from marts.facts")
    warehouse.query(
        INSERT,
        account_id=api.account_id,
        session_id=session_id,
        started=bad.started,
        lasts=bad.lasts,
        rating=bad.rating,
    )
    warehouse.dbt("build", f"--select={bad.check}", succeeds=False)
    assert warehouse.wrong_rows() == {}
    assert warehouse.value("select sum(sessions) from marts.facts") == before + 1
    wait_until(lambda: named_in(api, bad.check) == [True, True], bad.check)

    warehouse.query(DELETE, session_id=session_id)
    warehouse.dbt("build", f"--select={bad.check}")
    assert warehouse.wrong_rows() == {}
    wait_until(lambda: named_in(api, bad.check) == [False, False], bad.check)


def test_with_tests_after_the_swap_readers_meet_it(warehouse: Warehouse) -> None:
    """The control: what is published at once is read before it is tested."""
    bad, switch = BAD_MODELS[0], "macros/live/candidates.sql"
    kept = {path: (warehouse.project / path).read_text() for path in (bad.path, switch)}
    before = warehouse.value(ROWS.format("marts.daily_outcomes"))
    warehouse.edit(bad.path, bad.old, bad.new)
    warehouse.edit(switch, "flags.WHICH == 'build'", "false")
    try:
        warehouse.dbt(*BUILD, f"--select={bad.model}", succeeds=False)
        assert warehouse.value(ROWS.format("marts.daily_outcomes")) != before
    finally:
        for path, text in kept.items():
            (warehouse.project / path).write_text(text)
        warehouse.dbt("run", f"--select={bad.model}")
    assert warehouse.value(ROWS.format("marts.daily_outcomes")) == before


def named_in(api: Api, check: str) -> list[bool]:
    """Say of two answers whether they warn of the check."""
    found = []
    for path in ("/analytics/team?period=30d", "/marts/daily_outcomes"):
        answer = api("GET", path, role="team_admin")
        assert answer.status_code == 200, answer.text
        found.append(any(check in said for said in answer.json()["meta"]["warnings"]))
    return found


def wait_until(holds: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
