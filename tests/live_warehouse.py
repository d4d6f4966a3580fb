"""A copy of the dbt project, to be changed, and a database that it is built into."""

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from catalog import DEFINERS_VIEWS, OF_LOGINS, UNLOCKED_TABLES
from conftest import REPOSITORY
from dbt.cli.main import dbtRunner

from ingest.store.operations import libpq_variables

PROJECT = ("dbt_project.yml", "profiles.yml", "macros", "models", "tests/dbt")

# Calls macros and says what they return: dbt gives that to nobody else.
EVALUATE = """
{% macro evaluate(calls) -%}
    {%- for name, arguments in calls -%}
        {%- do log('RETURNED ' ~ tojson(context[name](*arguments)), info=True) -%}
    {%- endfor -%}
{%- endmacro %}
"""

# Three accounts with 40 sessions each over nine days, around midnight in the one and in the other
# zone. Of four sessions three are completed, of two completed ones one is rated a day later.
HISTORY: LiteralString = """
insert into raw.accounts
select md5('account ' || a)::uuid, 'Account ' || a, zone, gen_random_uuid(), now(), now()
from unnest(array['UTC', 'America/New_York', 'Asia/Kolkata']) with ordinality as of (zone, a);

create function pg_temp.write_session(a bigint, n bigint) returns void language sql as $$
    insert into raw.sessions (
        account_id, session_id, flow_id, user_id, started_at,
        started_event_id, started_occurred_at, started_received_at,
        outcome, completed_at,
        completed_event_id, completed_occurred_at, completed_received_at
    )
    select
        md5('account ' || a)::uuid, md5('session ' || n)::uuid,
        md5('flow ' || n % 3)::uuid, md5('user ' || n % 4)::uuid, started_at,
        gen_random_uuid(), now(), now(),
        case when n % 4 > 0 then (array['resolved', 'escalated', null])[n % 4] end,
        case when n % 4 > 0 then started_at + n * interval '7 minutes' end,
        case when n % 4 > 0 then gen_random_uuid() end,
        case when n % 4 > 0 then now() end,
        case when n % 4 > 0 then now() end
    from (select '2026-03-01 22:10Z'::timestamptz + n * interval '5 hours') as at (started_at);

    insert into raw.session_ratings
    select
        md5('account ' || a)::uuid, md5('session ' || n)::uuid, n % 5 + 1, null,
        gen_random_uuid(), '2026-03-02 22:10Z'::timestamptz + n * interval '5 hours', now()
    where n % 4 > 0 and n % 2 = 1;

    insert into raw.step_visits
    select
        md5('account ' || a)::uuid, md5('session ' || n)::uuid, 'step ' || s,
        '2026-03-01 22:10Z'::timestamptz + n * interval '5 hours' + s * interval '1 minute',
        gen_random_uuid(), now(), now()
    from generate_series(0, n % 3) as steps (s);

    insert into raw.step_feedback
    select
        md5('account ' || a)::uuid, md5('session ' || n)::uuid, 'step 0',
        '00000000-0000-0000-0000-000000000000', n % 4 = 1,
        gen_random_uuid(), '2026-03-03 22:10Z'::timestamptz + n * interval '5 hours', now()
    where n % 2 = 1;

    insert into raw.changes (account_id, session_id, received_at)
    values (md5('account ' || a)::uuid, md5('session ' || n)::uuid, now());
$$;

select pg_temp.write_session(a, 100 * a + n)
from generate_series(1, 3) as accounts (a)
cross join generate_series(1, 40) as sessions (n);
"""

# Sessions are completed, deleted, moved to another engineer; one account moves to another zone.
CHANGES: LiteralString = """
with changed as (
    update raw.sessions
    set
        completed_at = started_at + interval '3 minutes', outcome = 'resolved',
        completed_event_id = gen_random_uuid(),
        completed_occurred_at = now(), completed_received_at = now()
    where completed_at is null and session_id::text < '8'
    returning account_id, session_id
)
insert into raw.changes (account_id, session_id, received_at)
select account_id, session_id, now() from changed;

with changed as (
    delete from raw.sessions where session_id::text like '%a'
    returning account_id, session_id
)
insert into raw.changes (account_id, session_id, received_at)
select account_id, session_id, now() from changed;

with changed as (
    update raw.sessions set user_id = md5('user 9')::uuid
    where session_id::text like '%b'
    returning account_id, session_id
)
insert into raw.changes (account_id, session_id, received_at)
select account_id, session_id, now() from changed;

update raw.accounts set time_zone = 'Pacific/Auckland' where account_id = md5('account 1')::uuid;
insert into raw.changes (account_id, session_id, received_at)
values (md5('account 1')::uuid, null, now());
"""

WRONG_ROWS = """
select count(*)::integer
from (
    (select {columns} from {found} except all select {columns} from {expected})
    union all
    (select {columns} from {expected} except all select {columns} from {found})
) as differing
"""


class Run:
    """What a dbt command did."""

    def __init__(self, *, success: bool, said: list[str]) -> None:
        self.success = success
        self.said = "\n".join(said)

    def sentence(self, start: str) -> str:
        """Return the line of dbt's output that starts so, its indentation aside."""
        found = [line.strip() for line in self.said.splitlines() if line.strip().startswith(start)]
        assert found, self.said
        return found[0]


class Warehouse:
    def __init__(self, project: Path, url: str) -> None:
        self.project = project
        self.url = url
        self.ran: list[str] = []
        """The SQL that dbt has sent, a command each."""

    def dbt(self, *arguments: str, succeeds: bool = True) -> Run:
        """Run dbt in this process; `succeeds` is what is expected of it."""
        said: list[str] = []

        def on_event(event: Any) -> None:
            if event.info.level != "debug":
                said.append(event.info.msg)
            if event.info.name == "SQLQuery":
                self.ran.append(event.data.sql)

        # What is said of the options after them stands.
        command = list(takewhile(lambda each: not each.startswith("-"), arguments))
        result = dbtRunner(callbacks=[on_event]).invoke(
            [*command, *self.options, *arguments[len(command) :]]
        )
        run = Run(success=result.success, said=[*said, str(result.exception or "")])
        assert run.success == succeeds, run.said
        return run

    @property
    def options(self) -> list[str]:
        return [
            f"--project-dir={self.project}",
            f"--profiles-dir={self.project}",
            f"--target-path={self.project / 'target'}",
            f"--log-path={self.project / 'logs'}",
            "--no-use-colors",
            "--log-level=none",
            # Nobody reads the manifest, and it takes as long to write as all of it to parse.
            "--no-write-json",
        ]

    def returned(self, *calls: tuple[str, list[Any]]) -> list[Any]:
        """Return what the macros give for their arguments."""
        run = self.dbt("run-operation", "evaluate", "--args", json.dumps({"calls": calls}))
        return [json.loads(found) for found in re.findall(r"RETURNED (.*)", run.said)]

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.project / path
        text = file.read_text()
        assert text.count(old) == 1, f"{text.count(old)} times in {path}: {old}"
        file.write_text(text.replace(old, new))

    def add_model(
        self,
        name: str,
        sql: str,
        columns: Mapping[str, str],
        key: Sequence[str],
        config: Mapping[str, object] | None = None,
    ) -> None:
        """Write a model and its YAML: columns with their types, and its primary key."""
        declared = {
            "name": name,
            "config": config or {},
            "constraints": [{"type": "primary_key", "columns": list(key)}] if key else [],
            "data_tests": ["exact"],
            "columns": [
                {"name": column, "data_type": data_type} for column, data_type in columns.items()
            ],
        }
        folder = self.project / "models" / "marts"
        (folder / f"{name}.sql").write_text(sql)
        # JSON is YAML.
        (folder / f"_{name}.yml").write_text(json.dumps({"models": [declared]}))

    def query(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(statement.encode(), parameters or None)
            return found.fetchall() if found.description else []

    def value(self, statement: str, **parameters: object) -> Any:
        return self.query(statement, **parameters)[0][0]

    def wrong_rows(self) -> dict[str, int]:
        """Compare every live model with all of raw, and stored sums with what they sum up."""
        compared = {}
        for model, columns, is_sum in self.query(
            """
            select
                model,
                (
                    select string_agg(value ->> 'name', ', ')
                    from jsonb_array_elements(definition -> 'columns')
                ),
                jsonb_array_length(definition -> 'reads') > 0
            from live.models
            where definition ->> 'schema' = 'marts'
            """
        ):
            pairs = [(f"marts.{model}", f"live.{model}__recomputed")]
            if is_sum:
                pairs.append((f"live.{model}__stored", f"live.{model}__resummed"))
            for found, expected in pairs:
                compared[found] = self.value(
                    WRONG_ROWS.format(columns=columns, found=found, expected=expected)
                )
        return {found: wrong for found, wrong in compared.items() if wrong}

    def assert_exact(self) -> None:
        """All live models are exact, with changes pending, too, and when those are stored."""
        assert self.wrong_rows() == {}
        self.query(CHANGES)
        assert self.wrong_rows() == {}, "with changes pending"
        self.dbt("run-operation", "refresh")
        assert self.value("select count(*) from raw.changes") == 0
        assert self.wrong_rows() == {}, "after the refresh"
        # However it was built: it is of no login, and every account is alone in it.
        for found in (DEFINERS_VIEWS, OF_LOGINS, UNLOCKED_TABLES):
            assert self.query(found) == []


def copy_of_the_project(folder: Path) -> Path:
    folder.mkdir()
    for name in PROJECT:
        source, copy = REPOSITORY / name, folder / name
        if source.is_dir():
            shutil.copytree(source, copy)
        else:
            shutil.copy(source, copy)
    (folder / "macros" / "evaluate.sql").write_text(EVALUATE)
    return folder


def environment(url: str) -> dict[str, str]:
    """Return the variables by which dbt's profile finds the database.

    A lock that dbt would have to wait for is an error: nobody who reads holds one against it.
    """
    found = libpq_variables(url)
    options = f"{found.get('PGOPTIONS', '')} -c lock_timeout=10s -c statement_timeout=60s"
    return {**found, "PGOPTIONS": options, "DO_NOT_TRACK": "1"}


class Reader:
    """Asks one question again and again, in single statements, as a dashboard would."""

    def __init__(self, url: str, question: str) -> None:
        self.answers: list[Any] = []
        self.times_asked = 0
        self._url = url
        self._question = question.encode()

    def read_until(self, ended: threading.Event) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("set statement_timeout = '20s'")
            while not ended.wait(0.002):
                row = connection.execute(self._question).fetchone()
                assert row is not None
                self.times_asked += 1
                if row[0] not in self.answers[-1:]:
                    self.answers.append(row[0])


@contextmanager
def reading(url: str, *questions: str) -> Iterator[list[Reader]]:
    """Read all the time; an error of any reader fails the test."""
    readers, ended = [Reader(url, question) for question in questions], threading.Event()
    with ThreadPoolExecutor(len(readers)) as threads:
        asking = [threads.submit(reader.read_until, ended) for reader in readers]
        try:
            while not all(reader.answers for reader in readers):
                for failed in wait(asking, 0.01, FIRST_COMPLETED).done:
                    failed.result()
            yield readers
        finally:
            ended.set()
        for each in asking:
            each.result()
    assert all(reader.times_asked > 1 for reader in readers)


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, and no other ones of libpq's and the project's."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("PG", "DBT_", "UPSHOT_")):
            del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
