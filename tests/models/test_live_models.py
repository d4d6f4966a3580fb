"""Live models by dbt itself: what is served is exact, whatever becomes of the models' SQL."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from conftest import BIN
from live_warehouse import CHANGES, Warehouse, reading
from lock_waits import waits_for_a_lock
from psycopg import IsolationLevel

from ingest.store.statements import SQL

FACTS = "models/marts/facts.sql"
DAILY_OUTCOMES = "models/marts/daily_outcomes.sql"
ACCOUNT_HOURS = "models/marts/account_hours.sql"
STARTED = "models/staging/stg_raw__sessions.sql"

# The figures of all accounts by day, as one value of one statement.
FIGURES = "select md5(string_agg(row::text, ',' order by row::text)) from ({}) as row"
DAYS = """
    select account_id, day, sum(sessions), sum(completed), sum(duration_microseconds)
    from {}
    group by account_id, day
    having sum(sessions) > 0
"""
SHOWN = {
    mart: FIGURES.format(DAYS.format(f"marts.{mart}"))
    for mart in ("facts", "daily_outcomes", "account_days")
}

# What the same figures are, from raw, by a hand that knows no macro.
COUNTED = FIGURES.format("""
    select
        account_id,
        ({day} at time zone time_zone)::date,
        count(*)::bigint,
        count(completed_at)::bigint,
        sum(coalesce(1000000 * extract(epoch from completed_at - started_at), 0))::bigint
            {more}
    from raw.sessions
    inner join raw.accounts using (account_id)
    where started_at is not null {only}
    group by 1, 2
""")
AS_IT_IS = COUNTED.format(day="started_at", more="", only="")


class TestChangedSql:
    """Changed SQL reaches old rows, and no stale figure is served."""

    def test_it_is_served_of_all_rows_at_once(self, warehouse: Warehouse) -> None:
        warehouse.edit(
            DAILY_OUTCOMES,
            "sum(duration_microseconds)",
            "sum(duration_microseconds + 60000000 * completed)",
        )
        longer = COUNTED.format(day="started_at", more="+ 60000000 * count(completed_at)", only="")
        before, after = warehouse.value(AS_IT_IS), warehouse.value(longer)
        assert before != after
        with reading(warehouse.url, *SHOWN.values()) as (facts, daily_outcomes, account_days):
            warehouse.dbt("run")
        assert daily_outcomes.answers == [before, after]
        assert facts.answers == account_days.answers == [before]
        warehouse.assert_exact()

    def test_its_readers_change_with_it(self, warehouse: Warehouse) -> None:
        warehouse.edit(
            FACTS,
            "local_day('sessions.started_at'",
            "local_day('coalesce(sessions.completed_at, sessions.started_at)'",
        )
        by_end = COUNTED.format(day="coalesce(completed_at, started_at)", more="", only="")
        before, after = warehouse.value(AS_IT_IS), warehouse.value(by_end)
        assert before != after
        # Two marts in one statement: they never disagree.
        together = f"select array[({SHOWN['facts']}), ({SHOWN['daily_outcomes']})]"
        with reading(warehouse.url, *SHOWN.values(), together) as readers:
            warehouse.dbt("run")
        *alone, both = readers
        for reader in alone:
            assert reader.answers == [before, after]
        assert both.answers == [[before, before], [after, after]]
        warehouse.assert_exact()

    def test_a_view_below_reaches_them_when_they_are_built(self, warehouse: Warehouse) -> None:
        warehouse.edit(
            STARTED,
            "where started_at is not null",
            "where started_at is not null and flow_id <> md5('flow 1')::uuid",
        )
        fewer = COUNTED.format(day="started_at", more="", only="and flow_id <> md5('flow 1')::uuid")
        before, after = warehouse.value(AS_IT_IS), warehouse.value(fewer)
        assert before != after
        with reading(warehouse.url, *SHOWN.values()) as readers:
            warehouse.dbt("run", "--select", "stg_raw__sessions")
            assert warehouse.wrong_rows() == {}
            for reader in readers:
                assert reader.answers == [before]
            warehouse.dbt("run")
        for reader in readers:
            assert reader.answers == [before, after]
        warehouse.assert_exact()

    def test_a_plain_incremental_model_serves_stale_rows(self, warehouse: Warehouse) -> None:
        """The control: dbt's own way, with the same change."""
        warehouse.edit(
            DAILY_OUTCOMES,
            "{{ config(indexes=[{'columns': ['account_id', 'user_id', 'day']}]) }}",
            "{{ config(materialized='incremental', on_schema_change='fail') }}",
        )
        warehouse.edit(
            DAILY_OUTCOMES,
            "    from facts\n",
            "    from facts\n"
            "    {% if is_incremental() %}\n"
            "    where day > (select max(day) from {{ this }})\n"
            "    {% endif %}\n",
        )
        warehouse.dbt("run", "--select", "daily_outcomes")
        before = warehouse.value(AS_IT_IS)
        assert warehouse.value(SHOWN["daily_outcomes"]) == before
        warehouse.edit(
            DAILY_OUTCOMES,
            "sum(duration_microseconds)",
            "sum(duration_microseconds + 60000000 * completed)",
        )
        warehouse.dbt("run", "--select", "daily_outcomes")
        assert warehouse.value(SHOWN["daily_outcomes"]) == before


CATALOG = """
select
    pg_class.oid::regclass::text, pg_class.relfilenode, pg_class.xmin::text,
    pg_rewrite.oid, pg_rewrite.xmin::text
from pg_class
left join pg_rewrite on pg_class.oid = pg_rewrite.ev_class
where pg_class.relnamespace::regnamespace::text in ('live', 'marts', 'staging')
order by 1
"""


@contextmanager
def snapshot(warehouse: Warehouse) -> Iterator[Callable[[], list[Any]]]:
    """A transaction that has read the marts, and reads them again when it is called."""
    with psycopg.connect(warehouse.url) as connection:
        connection.execute("set transaction isolation level repeatable read")

        def read() -> list[Any]:
            return [
                connection.execute(
                    f"select md5({mart}::text) from marts.{mart} order by 1".encode()
                ).fetchall()
                for mart in SHOWN
            ]

        read()
        yield read


class TestUnchangedSql:
    def test_a_second_build_only_refreshes(self, warehouse: Warehouse) -> None:
        """It makes nothing anew, and waits for no reader."""
        before = warehouse.query(CATALOG)
        assert before
        with snapshot(warehouse) as read:
            seen = read()
            warehouse.query(CHANGES)
            done = subprocess.run(
                [
                    *(BIN / "dbt", "build", "--exclude-resource-type", "unit_test"),
                    *(*warehouse.options, "--log-level=info"),
                ],
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert "WARN=0 ERROR=0 SKIP=0" in done.stdout, done.stdout
            assert done.returncode == 0
            assert read() == seen
        assert warehouse.query(CATALOG) == before
        assert warehouse.value("select count(*) from raw.changes") == 0
        assert warehouse.wrong_rows() == {}


class TestOlderWarehouse:
    """What an older project built becomes what this one builds."""

    def test_marts_that_were_tables_become_live(self, warehouse: Warehouse) -> None:
        warehouse.query("drop schema live, marts cascade")
        models = {name: (warehouse.project / name).read_text() for name in (FACTS, DAILY_OUTCOMES)}
        for name, text in models.items():
            table = "{{ config(materialized='table') }}\n"
            (warehouse.project / name).write_text(table + text)
        warehouse.dbt("run", "--select", "facts", "daily_outcomes")
        before = warehouse.value(SHOWN["daily_outcomes"])
        assert before == warehouse.value(AS_IT_IS)
        for name, text in models.items():
            (warehouse.project / name).write_text(text)
        warehouse.query(CHANGES)
        assert warehouse.value(SHOWN["daily_outcomes"]) == before
        warehouse.dbt("run", "--select", "facts", "daily_outcomes")
        assert warehouse.value(SHOWN["daily_outcomes"]) == warehouse.value(AS_IT_IS) != before
        assert warehouse.wrong_rows() == {}

    def test_schema_live_is_brought_up_to_date(self, warehouse: Warehouse) -> None:
        """It has a view in which no change is pending, here."""
        warehouse.query("""
            create or replace view live.pending_sessions as
            select account_id, session_id from raw.changes where false;
            comment on schema live is 'What an older project made';
        """)
        with reading(warehouse.url, *SHOWN.values()) as readers:
            warehouse.dbt("run-operation", "refresh")
        for reader in readers:
            assert reader.answers == [warehouse.value(AS_IT_IS)]
        warehouse.assert_exact()


class TestFullRefresh:
    def test_it_disturbs_no_reader(self, warehouse: Warehouse) -> None:
        warehouse.query("create view public.of_a_user as select * from marts.daily_outcomes")
        before = warehouse.query(CATALOG)
        with reading(warehouse.url, *SHOWN.values()) as readers, snapshot(warehouse) as read:
            seen = read()
            warehouse.dbt("run", "--full-refresh")
            assert read() == seen
        for reader in readers:
            assert reader.answers == [warehouse.value(AS_IT_IS)]
        assert warehouse.query(CATALOG) == before
        assert warehouse.query("select * from public.of_a_user")
        warehouse.assert_exact()

    def test_it_heals_what_is_stored(self, warehouse: Warehouse) -> None:
        warehouse.query(DAMAGE)
        assert set(warehouse.wrong_rows()) == {
            "live.account_days__stored",
            "live.account_durations__stored",
            "live.account_hours__stored",
            "live.daily_outcomes__stored",
            "live.daily_ratings__stored",
            "live.engineer_rollups__stored",
            "live.flow_durations__stored",
            "live.flow_rollups__stored",
            "marts.daily_outcomes",
            "marts.facts",
        }
        with snapshot(warehouse) as read:
            seen = read()
            warehouse.dbt("run", "--full-refresh")
            assert read() == seen
        warehouse.assert_exact()


DAMAGE = """
update live.daily_outcomes__stored set sessions = sessions + 1;
delete from live.facts__stored where session_id::text < '4';
"""

LONG_SESSIONS = "      - {name: long_sessions, data_type: integer}\n"
LONG_SESSIONS_PER_DAY = "      - {name: long_sessions, data_type: bigint}\n"
FACTS_YAML = "models/marts/_facts__models.yml"
MARTS_YAML = "models/marts/_marts__models.yml"


def add_long_sessions(warehouse: Warehouse) -> None:
    warehouse.edit(
        FACTS,
        "as rating_5\n",
        "as rating_5,\n"
        "case when sessions.completed_at > sessions.started_at + interval '10 hours'\n"
        "then 1 else 0 end as long_sessions\n",
    )
    warehouse.edit(
        FACTS_YAML, "\n  - name: step_visit_facts", LONG_SESSIONS + "\n  - name: step_visit_facts"
    )


class TestChangedColumns:
    def test_a_measure_more_leaves_the_views_of_users_alone(self, warehouse: Warehouse) -> None:
        warehouse.query("create view public.of_a_user as select * from marts.daily_outcomes")
        add_long_sessions(warehouse)
        warehouse.edit(
            DAILY_OUTCOMES,
            "sum(ratings) as rated\n",
            "sum(ratings) as rated, sum(long_sessions) as long_sessions\n",
        )
        warehouse.edit(
            MARTS_YAML,
            "      - *rated\n\n  - name: daily_ratings",
            f"      - *rated\n{LONG_SESSIONS_PER_DAY}\n  - name: daily_ratings",
        )
        with reading(warehouse.url, *SHOWN.values()) as readers:
            warehouse.dbt("build", "--exclude-resource-type", "unit_test")
        for reader in readers:
            assert reader.answers == [warehouse.value(AS_IT_IS)]
        assert warehouse.value("select sum(long_sessions) from marts.daily_outcomes") == (
            warehouse.value(
                "select count(*) from raw.sessions"
                " where completed_at > started_at + interval '10 hours'"
            )
        )
        assert warehouse.query("select * from public.of_a_user")
        warehouse.assert_exact()

    def test_a_measure_less_takes_its_readers_along(self, warehouse: Warehouse) -> None:
        facts = (warehouse.project / FACTS).read_text()
        facts_yaml = (warehouse.project / FACTS_YAML).read_text()
        add_long_sessions(warehouse)
        warehouse.dbt("run", "--select", "facts")
        (warehouse.project / FACTS).write_text(facts)
        (warehouse.project / FACTS_YAML).write_text(facts_yaml)
        self.assert_all_is_there(warehouse)

    def test_who_holds_what_is_stored_reads_it_to_the_end(self, warehouse: Warehouse) -> None:
        """As the API does: the stored tables first, then the snapshot, then the views."""
        ended = threading.Event()
        holding = threading.Event()

        def read_when_waited_for() -> Any:
            with psycopg.connect(warehouse.url) as reader:
                reader.isolation_level = IsolationLevel.REPEATABLE_READ
                reader.execute(SQL["lock_stored"])
                holding.set()
                with psycopg.connect(warehouse.url, autocommit=True) as watching:
                    while not waits_for_a_lock(watching, of="relation"):
                        assert not ended.wait(0.01), "nobody waited"
                return reader.execute(SHOWN["daily_outcomes"]).fetchone()

        add_long_sessions(warehouse)
        with ThreadPoolExecutor() as threads:
            reading = threads.submit(read_when_waited_for)
            assert holding.wait(60)
            try:
                warehouse.dbt("run", "--select", "facts")
            finally:
                ended.set()
            assert reading.result() == (warehouse.value(AS_IT_IS),)
        warehouse.assert_exact()

    def test_another_order_and_type_take_the_readers_along(self, warehouse: Warehouse) -> None:
        warehouse.edit(
            MARTS_YAML,
            "      - *day\n      - *sessions\n      - *completed\n",
            "      - *day\n      - *completed\n      - {name: sessions, data_type: integer}\n",
        )
        warehouse.edit(
            "models/marts/account_days.sql",
            "indent(4)",
            "indent(4) | replace('(contributions.sessions)::bigint', "
            "'(contributions.sessions)::integer')",
        )
        self.assert_all_is_there(warehouse)
        before = warehouse.query(CATALOG)
        warehouse.dbt("run")
        assert warehouse.query(CATALOG) == before

    def test_grants_outlive_the_views_they_were_given_on(self, warehouse: Warehouse) -> None:
        may_read = "select has_table_privilege('pg_monitor', 'marts.daily_outcomes', 'select')"
        assert warehouse.value(may_read) is False
        readers = """
            select bool_and(has_table_privilege(reader, mart, 'select'))
            from unnest(array['upshot_reader', 'upshot_bi']) as reader
            cross join unnest(array['marts.daily_outcomes', 'marts.users']) as mart
        """
        assert warehouse.value(readers) is True
        warehouse.edit(
            "dbt_project.yml",
            "      +schema: marts\n",
            "      +schema: marts\n      +grants: {select: [pg_monitor]}\n",
        )
        warehouse.dbt("run")
        assert warehouse.value(may_read) is True
        assert warehouse.value(readers) is True
        warehouse.edit(
            FACTS_YAML,
            "      - name: sessions\n        data_type: integer\n",
            "      - name: sessions\n        data_type: bigint\n",
        )
        warehouse.edit(FACTS, "1 as sessions,", "1::bigint as sessions,")
        warehouse.edit(DAILY_OUTCOMES, "sum(sessions)", "sum(sessions)::bigint")
        warehouse.dbt("run", "--select", "facts")
        assert warehouse.value(may_read) is True
        assert warehouse.value(readers) is True

    @staticmethod
    def assert_all_is_there(warehouse: Warehouse) -> None:
        warehouse.dbt("run")
        assert warehouse.query("select * from marts.account_summaries")
        assert warehouse.query("select * from marts.flow_leaderboard") is not None
        warehouse.assert_exact()

    def test_a_column_that_others_read_leaves_after_them(self, warehouse: Warehouse) -> None:
        """A reader is kept as it was last built while what it reads is built."""
        before = warehouse.value(AS_IT_IS)
        for path in (FACTS, DAILY_OUTCOMES, FACTS_YAML):
            file = warehouse.project / path
            file.write_text(file.read_text().replace("escalated", "handed_on"))
        warehouse.edit(FACTS, "outcome = 'handed_on'", "outcome = 'escalated'")
        warehouse.edit(DAILY_OUTCOMES, "sum(handed_on) as handed_on", "sum(handed_on) as escalated")
        warehouse.edit(ACCOUNT_HOURS, "sum(escalated)", "sum(handed_on)")
        warehouse.edit(
            "macros/figures/summaries.sql",
            "(row ~ '.' if has.sessions else '0 as ') ~ measure",
            "((row ~ '.' if has.sessions else '0 as ') ~ measure)"
            " | replace('started.escalated', 'started.handed_on as escalated')",
        )
        contributions = warehouse.project / "macros/contributions.sql"
        contributions.write_text(
            contributions.read_text().replace("facts.escalated", "facts.handed_on")
        )
        run = warehouse.dbt("run", succeeds=False)
        assert run.sentence("The live model facts").startswith(
            "The live model facts cannot lose yet what account_days reads, as it was last built: "
            "column facts.escalated does not exist."
        )
        for question in SHOWN.values():
            assert warehouse.value(question) == before
        # So both are there for a while.
        facts = (warehouse.project / FACTS).read_text()
        facts_yaml = (warehouse.project / FACTS_YAML).read_text()
        warehouse.edit(FACTS, "as rating_5\n", "as rating_5,\n        0 as escalated\n")
        warehouse.edit(
            FACTS_YAML,
            "\n  - name: step_visit_facts",
            "      - {name: escalated, data_type: integer}\n\n  - name: step_visit_facts",
        )
        warehouse.dbt("run")
        (warehouse.project / FACTS).write_text(facts)
        (warehouse.project / FACTS_YAML).write_text(facts_yaml)
        self.assert_all_is_there(warehouse)
        for question in SHOWN.values():
            assert warehouse.value(question) is not None


SUM_PER_DAY = """
with facts as (select * from {{{{ ref('facts') }}}}),
summed as (
    select account_id, day, {measure}
    from facts
    {more}
    group by account_id, day
)
select * from summed
"""
PER_DAY = {"account_id": "uuid", "day": "date", "escalated": "bigint"}
ESCALATIONS = SUM_PER_DAY.format(measure="sum(escalated) as escalated", more="")


def add_escalations(warehouse: Warehouse) -> None:
    warehouse.add_model("escalations", ESCALATIONS, PER_DAY, ["account_id", "day"])


class TestModels:
    def test_a_new_one_is_exact_from_its_first_build(self, warehouse: Warehouse) -> None:
        """On days without an escalation, too, which are no rows."""
        add_escalations(warehouse)
        warehouse.dbt("run", "--select", "escalations")
        assert warehouse.value("select sum(escalated) from marts.escalations") > 0
        warehouse.assert_exact()

    def test_one_that_left_the_project_stays_as_it_was_built(self, warehouse: Warehouse) -> None:
        add_escalations(warehouse)
        warehouse.dbt("run", "--select", "escalations")
        (warehouse.project / "models/marts/escalations.sql").unlink()
        (warehouse.project / "models/marts/_escalations.yml").unlink()
        warehouse.dbt("run")
        assert warehouse.query("select * from marts.escalations")
        warehouse.assert_exact()

    def test_one_that_left_the_project_is_forgotten_when_told_so(
        self, warehouse: Warehouse
    ) -> None:
        add_escalations(warehouse)
        warehouse.dbt("run", "--select", "escalations")
        warehouse.dbt("run-operation", "forget", "--args", "{model: escalations}")
        assert not warehouse.query("select 1 from pg_class where relname like 'escalations%'")
        warehouse.assert_exact()

    def test_one_that_somebody_dropped_is_built_again(self, warehouse: Warehouse) -> None:
        warehouse.query("drop view marts.daily_outcomes cascade")
        warehouse.dbt("run")
        assert warehouse.value(SHOWN["daily_outcomes"]) == warehouse.value(AS_IT_IS)
        warehouse.assert_exact()

    def test_one_may_add_up_two_others(self, warehouse: Warehouse) -> None:
        warehouse.add_model(
            "all_that_happened",
            """
            select account_id, sum(things)::bigint as things
            from (
                select account_id, sessions as things from {{ ref('facts') }}
                union all
                select account_id, visits as things from {{ ref('step_visit_facts') }}
            ) as both_of_them
            group by account_id
            """,
            {"account_id": "uuid", "things": "bigint"},
            ["account_id"],
        )
        warehouse.dbt("run", "--select", "all_that_happened")
        warehouse.assert_exact()

    def test_one_may_go_by_another_name_in_the_warehouse(self, warehouse: Warehouse) -> None:
        add_escalations(warehouse)
        warehouse.edit(
            "models/marts/_escalations.yml", '"config": {}', '"config": {"alias": "handed_on"}'
        )
        warehouse.add_model(
            "escalated_accounts",
            "select account_id, sum(escalated)::bigint as escalated"
            " from {{ ref('escalations') }} group by account_id",
            {"account_id": "uuid", "escalated": "bigint"},
            ["account_id"],
        )
        warehouse.dbt("run", "--select", "escalations+")
        assert warehouse.query("select * from marts.handed_on")
        warehouse.assert_exact()


class Refused(NamedTuple):
    """What is written instead of the escalations of a day, and what dbt says of it."""

    why: str
    sql: str = ESCALATIONS
    columns: Mapping[str, str] = PER_DAY
    key: Sequence[str] = ("account_id", "day")
    config: Mapping[str, object] | None = None


NO_DIFFERENCE = "uses {}, which is wrong of a difference: a measure is a sum of measures."
NO_SUM = "is no sum of measures: over rows in two parts it gives other figures than over all of"

REFUSED = [
    Refused(
        "needs a contract: its columns and their types.",
        config={"contract": {"enforced": False}},
    ),
    Refused("needs a primary key that begins with account_id.", key=[]),
    Refused("needs a primary key that begins with account_id.", key=["day", "account_id"]),
    Refused(
        "has no measure: an integer outside its key.",
        "select account_id, day from {{ ref('facts') }} group by account_id, day",
        {"account_id": "uuid", "day": "date"},
    ),
    Refused(
        "has no measure: an integer outside its key.",
        SUM_PER_DAY.format(measure="sum(escalated)::numeric as escalated", more=""),
        PER_DAY | {"escalated": "numeric"},
    ),
    Refused(
        "has columns that are neither in its key nor integers to add up: share.",
        SUM_PER_DAY.format(measure="sum(escalated) as escalated, 0.5 as share", more=""),
        PER_DAY | {"share": "numeric"},
    ),
    Refused(
        NO_DIFFERENCE.format("count"),
        SUM_PER_DAY.format(measure="count(*) as escalated", more=""),
    ),
    Refused(
        NO_DIFFERENCE.format("distinct"),
        "select distinct account_id, day, escalated::bigint from {{ ref('facts') }}",
    ),
    Refused(
        "may read live models or views, and a_table is neither.",
        ESCALATIONS.replace("'facts'", "'a_table'"),
    ),
    Refused(
        "may read models only, not source.upshot.raw.sessions.",
        """
        select account_id, now()::date as day, 1::bigint as escalated
        from {{ source('raw', 'sessions') }}
        """,
    ),
    Refused(
        "reads live models and views: the difference of the first would not be the whole "
        "difference.",
        """
        select facts.account_id, facts.day, sum(facts.escalated) as escalated
        from {{ ref('facts') }} as facts
        inner join {{ ref('stg_raw__accounts') }} as accounts using (account_id)
        group by facts.account_id, facts.day
        """,
    ),
    Refused(
        "reads no other live model, so its key needs session_id.",
        """
        select account_id, started_at::date as day, 1::bigint as escalated
        from {{ ref('stg_raw__sessions') }}
        """,
    ),
    # A join of two live models.
    Refused(
        NO_SUM,
        """
        select facts.account_id, facts.day, sum(visits.drop_offs) as escalated
        from {{ ref('facts') }} as facts
        inner join {{ ref('step_visit_facts') }} as visits using (account_id, session_id)
        group by facts.account_id, facts.day
        """,
    ),
    # A condition on a measure, which has the opposite sign in a difference.
    Refused(
        NO_SUM,
        SUM_PER_DAY.format(measure="sum(escalated) as escalated", more="where completed = 1"),
    ),
    # A number that is no measure, and has the same sign in a difference.
    Refused(NO_SUM, SUM_PER_DAY.format(measure="sum(1) as escalated", more="")),
]


def test_what_cannot_be_kept_live_is_refused_in_a_sentence(warehouse: Warehouse) -> None:
    (warehouse.project / "models/marts/a_table.sql").write_text(
        "{{ config(materialized='table', contract={'enforced': False}) }}\n"
        "select * from {{ ref('facts') }}"
    )
    for number, refused in enumerate(REFUSED):
        warehouse.add_model(
            f"refused_{number}", refused.sql, refused.columns, refused.key, refused.config
        )
    run = warehouse.dbt("run", succeeds=False)
    for number, refused in enumerate(REFUSED):
        start = f"The live model refused_{number} "
        assert run.sentence(start).startswith(start + refused.why)
    assert warehouse.query("select relname from pg_class where relname like '%refused%'") == []
    assert f"ERROR={len(REFUSED)} SKIP=0" in run.said
    assert warehouse.wrong_rows() == {}


class TestSelection:
    def test_one_model_is_built_in_a_warehouse_that_exists(self, warehouse: Warehouse) -> None:
        warehouse.edit(
            DAILY_OUTCOMES,
            "sum(duration_microseconds)",
            "sum(duration_microseconds + 0 * completed)",
        )
        warehouse.query(CHANGES)
        warehouse.dbt("build", "--select", "daily_outcomes", "--exclude-resource-type", "unit_test")
        assert warehouse.value(SHOWN["daily_outcomes"]) == warehouse.value(AS_IT_IS)
        warehouse.dbt("build", "--select", "daily_outcomes", "--full-refresh")
        assert warehouse.value(SHOWN["daily_outcomes"]) == warehouse.value(AS_IT_IS)
        assert warehouse.wrong_rows() == {}

    def test_a_part_of_the_project_is_a_warehouse_too(self, warehouse: Warehouse) -> None:
        warehouse.query("drop schema staging, live, marts cascade")
        # Buildable: not those truths across models that are of others, too.
        selection = ["--select", "+daily_outcomes", "--indirect-selection", "buildable"]
        warehouse.dbt("build", *selection, "--exclude-resource-type", "unit_test")
        assert [("daily_outcomes",), ("facts",)] == warehouse.query(
            "select model from live.models order by model"
        )
        assert warehouse.value(SHOWN["daily_outcomes"]) == warehouse.value(AS_IT_IS)
        warehouse.assert_exact()
        # The rest of it comes later.
        warehouse.dbt("run")
        assert warehouse.wrong_rows() == {}


class TestCommands:
    """What else dbt can do, it can do with live models."""

    def test_the_docs_describe_them(self, warehouse: Warehouse) -> None:
        warehouse.dbt("docs", "generate")
        catalog = json.loads((warehouse.project / "target/catalog.json").read_text())
        found = catalog["nodes"]["model.upshot.daily_outcomes"]
        assert found["metadata"]["type"] == "VIEW"
        assert "duration_microseconds" in found["columns"]

    def test_compiling_changes_nothing(self, warehouse: Warehouse) -> None:
        before = warehouse.query(CATALOG)
        warehouse.query(CHANGES)
        warehouse.dbt("compile")
        assert warehouse.query(CATALOG) == before
        assert warehouse.value("select count(*) from raw.changes") > 0

    def test_a_model_is_shown(self, warehouse: Warehouse) -> None:
        run = warehouse.dbt("show", "--select", "daily_outcomes", "--output", "json")
        assert '"duration_microseconds": ' in run.said

    def test_a_model_is_tested(self, warehouse: Warehouse) -> None:
        warehouse.dbt("test", "--select", "test_name:exact,daily_outcomes")
        warehouse.query(DAMAGE)
        run = warehouse.dbt("test", "--select", "test_name:exact,daily_outcomes", succeeds=False)
        assert "exact_daily_outcomes" in run.said

    def test_the_repair_of_an_account_is_of_no_other(self, warehouse: Warehouse) -> None:
        first, second = (str(warehouse.value(f"select md5('account {n}')::uuid")) for n in (1, 2))
        warehouse.query(DAMAGE)
        wrong = warehouse.wrong_rows()
        warehouse.dbt("run-operation", "repair", "--args", json.dumps({"account_id": first}))
        less_wrong = warehouse.wrong_rows()
        assert set(less_wrong) == set(wrong)
        assert all(0 < less_wrong[each] < wrong[each] for each in wrong)
        warehouse.dbt("run-operation", "repair", "--args", json.dumps({"account_id": second}))
        assert sum(warehouse.wrong_rows().values()) < sum(less_wrong.values())
        warehouse.dbt("run-operation", "repair")
        warehouse.assert_exact()


NONLINEAR = {
    "select sum(x) from t": None,
    "select COUNT (*) from t": "count",
    "select sum(x) -- not count(*)\nfrom t": None,
    "/* neither count(*)\nnor limit */ select sum(x) from t": None,
    "select 'count(*)' as how, sum(x) from t": None,
    "select '--' as dashes, count(*) from t": "count",
    "select 'it''s' as word, max(x) from t": "max",
    'select sum(x) as "limit" from t': None,
    "select climax(x), rate_limit, distinct_days from t": None,
    "select sum(x) over (order by y) from t": "over",
    "select sum(x) over w from t window w as (order by y)": "over",
    "select distinct on (x) x from t": "distinct",
    "select percentile_cont(0.5) within group (order by x) from t": "percentile_cont",
    "select a from t except select a from u": "except",
}


class TestMacros:
    """What the macros make of SQL, by dbt itself."""

    def test_what_is_not_linear_is_found(self, warehouse: Warehouse) -> None:
        found = warehouse.returned(*(("nonlinear_function", [sql]) for sql in NONLINEAR))
        assert dict(zip(NONLINEAR, found, strict=True)) == NONLINEAR

    def test_a_model_is_read_from_elsewhere_and_one_of_a_longer_name_is_not(
        self, warehouse: Warehouse
    ) -> None:
        warehouse.query("""
            create schema elsewhere;
            create table elsewhere.facts as select 7 as sessions;
            create table marts.visit_facts as select 11 as sessions;
            create table marts.facts_of_old as select 13 as sessions;
        """)
        sql = """
            -- Of "facts" and no other.
            select facts.sessions + visit_facts.sessions + facts_of_old.sessions
            from "marts"."facts"
            cross join "marts"."visit_facts"
            cross join "marts"."facts_of_old"
        """
        (over,) = warehouse.returned(
            ("sql_over", [{"sql": sql, "reads": ["facts"]}, "", {"facts": "elsewhere.facts"}])
        )
        assert warehouse.value(over) == 31

    def test_a_view_is_put_in_the_place_of_its_name(self, warehouse: Warehouse) -> None:
        """Whatever its author called things: what it gives is the same, of one session, too."""
        warehouse.query("""
            create view staging.stg_named_like_raw as
            with sessions as (select * from raw.sessions),
            step_visits as (select account_id, session_id from raw.step_visits as sessions)
            select s.account_id, s.session_id, 'from staging.sessions' as label, v.session_id as at
            from sessions as s
            left join step_visits as v using (account_id, session_id)
            where s.started_at is not null;
            create view staging.stg_named_like_raw_and_more as
            select stg_named_like_raw.*, u.rating
            from staging.stg_named_like_raw
            left join raw.session_ratings as u using (account_id, session_id);
        """)
        asked = """
            with facts as (select * from {}."stg_named_like_raw_and_more" as s)
            select account_id, session_id, label, at, rating from facts
        """.format('"staging"')
        views = ["staging.stg_named_like_raw_and_more"]
        (inlined,) = warehouse.returned(("with_inlined_views", [asked, views]))
        assert "staging.stg" not in inlined
        assert '"staging"' not in inlined
        rows = sorted(warehouse.query(asked), key=str)
        assert len(rows) > 100
        assert sorted(warehouse.query(inlined), key=str) == rows
        (pending,) = warehouse.returned(("sql_over_pending", [{"sql": inlined}]))
        assert "raw.sessions" in pending
        of_each = f"""
            select each.* from raw.sessions as pending cross join lateral ({pending}) as each
        """
        assert sorted(warehouse.query(of_each), key=str) == rows

    def test_readers_come_after_what_they_read(self, warehouse: Warehouse) -> None:
        registered = {
            name: {"model": name, "reads": reads}
            for name, reads in {
                "facts": [],
                "step_visit_facts": [],
                "days": ["facts"],
                "visits": ["step_visit_facts"],
                "weeks": ["days"],
                "all_weeks": ["weeks", "visits"],
            }.items()
        }
        found = warehouse.returned(
            ("readers_of", [["facts"], registered]), ("readers_of", [["weeks"], registered])
        )
        assert [[each["model"] for each in readers] for readers in found] == [
            ["days", "weeks", "all_weeks"],
            ["all_weeks"],
        ]

    def test_views_stay_while_columns_are_only_added_at_the_end(self, warehouse: Warehouse) -> None:
        before = ["a integer", "b date"]
        kept = {
            "a integer, b date": [True, False],
            "a integer, b date, c date": [False, False],
            "a integer": [False, True],
            "b date, a integer": [False, True],
            "a bigint, b date": [False, True],
            "a integer, c date, b date": [False, True],
        }
        definitions = [
            {
                "columns": [
                    {"name": name, "type": data_type, "not_null": True}
                    for name, data_type in (column.split() for column in columns)
                ],
                "key": ["a"],
                "indexes": [],
            }
            for columns in (before, *(after.split(", ") for after in kept))
        ]
        found = warehouse.returned(
            *(
                (macro, [definitions[0], after])
                for after in definitions[1:]
                for macro in ("same_shape", "drops_views")
            )
        )
        assert dict(zip(kept, zip(found[::2], found[1::2], strict=True), strict=True)) == {
            columns: tuple(expected) for columns, expected in kept.items()
        }
