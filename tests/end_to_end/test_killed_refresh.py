"""dbt is killed, with `kill -9`, in every phase of a refresh: the figures stay exact.

With UPSHOT_SOAK_SECONDS set it is killed in more of them.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
import pytest
from conftest import Api, Serve
from dbt_processes import start_dbt
from exactness import compare, snapshot, unsettled, versions
from writers import World, Writer

from ingest.refresh import refresh
from ingest.settings import Settings

SECONDS = 120
"""How long a process may take to get where it is to be killed."""

GATES = """
    create schema gates;

    -- A refresh waits here for as long as somebody else holds the lock of that name.
    create function gates.pass(gate text) returns void language plpgsql
    security definer as $$
    begin
        if current_setting('application_name') = 'dbt' then
            perform pg_advisory_xact_lock_shared(hashtextextended('gate ' || gate, 0));
        end if;
    end $$;

    create function gates.statement() returns trigger language plpgsql
    security definer as $$
    begin
        perform gates.pass(lower(tg_op) || ' ' || tg_table_name);
        return null;
    end $$;

    create function gates.commit() returns trigger language plpgsql
    security definer as $$
    begin
        perform gates.pass('commit');
        return null;
    end $$;
    create constraint trigger commit after insert or update on live.accounts
    deferrable initially deferred for each row execute function gates.commit();

    create function gates.ddl() returns event_trigger language plpgsql
    security definer as $$
    begin
        perform gates.pass(relname)
        from pg_event_trigger_ddl_commands() as command
        inner join pg_class on command.objid = pg_class.oid;
    end $$;
    create event trigger gates on ddl_command_end
    when tag in ('CREATE TABLE', 'CREATE TABLE AS') execute function gates.ddl();

    do $$
    declare
        target regclass;
    begin
        for target in
            select oid from pg_class
            where
                relkind = 'r'
                and (relnamespace = 'live'::regnamespace or oid = 'raw.changes'::regclass)
        loop
            execute format(
                'create trigger gate before insert or update or delete on %s'
                ' for each statement execute function gates.statement()', target
            );
        end loop;
    end $$
"""

AT_GATE = """
    select pg_locks.pid
    from pg_locks
    where
        pg_locks.locktype = 'advisory'
        and not pg_locks.granted
        and pg_locks.database = (select oid from pg_database where datname = current_database())
        and (pg_locks.classid::bigint << 32 | pg_locks.objid::bigint)
        = hashtextextended('gate ' || %s, 0)
"""

REFRESH = ("run-operation", "refresh")
BUILD = ("build", "--exclude-resource-type=unit_test", "--exclude-resource-type=test")
REBUILD = ("run", "--full-refresh")


class Phase(NamedTuple):
    command: tuple[str, ...]
    gate: str
    is_ended: bool
    """Whether its connection ends with the process, or goes on until it notices."""


PHASES = [
    Phase(REFRESH, "claimed_changes", is_ended=True),
    Phase(REFRESH, "facts__claimed", is_ended=False),
    Phase(REFRESH, "delete facts__stored", is_ended=True),
    Phase(REFRESH, "insert flow_rollups__stored", is_ended=False),
    Phase(REFRESH, "delete changes", is_ended=True),
    Phase(REFRESH, "commit", is_ended=False),
    Phase(BUILD, "insert accounts", is_ended=False),
    Phase(REBUILD, "facts__building", is_ended=True),
    Phase(REBUILD, "delete daily_outcomes__stored", is_ended=False),
]
if os.environ.get("UPSHOT_SOAK_SECONDS"):
    PHASES += [
        Phase(command, gate, is_ended=is_ended)
        for is_ended in (True, False)
        for command, gates in {
            REFRESH: [
                "whole_accounts",
                "step_vote_facts__claimed",
                "flow_rollups__claimed",
                "daily_step_feedback__claimed",
                "insert facts__stored",
                "delete step_visit_facts__stored",
                "insert account_days__stored",
                "delete account_days__stored",
                "insert accounts",
                "delete changes",
                "commit",
            ],
            BUILD: ["claimed_changes", "delete facts__stored", "delete changes", "commit"],
            REBUILD: [
                "delete changes",
                "flow_rollups__building",
                "insert daily_outcomes__stored",
                "delete step_vote_facts__stored",
                "insert models",
                "commit",
            ],
        }.items()
        for gate in gates
    ]


@pytest.fixture(scope="module")
def gated(
    serve_module: Serve,
    new_live_settings: Callable[[], Settings],
) -> Api:
    """The API on a database with live marts in which a refresh can be held up anywhere."""
    settings = new_live_settings()
    with psycopg.connect(str(settings.database_url)) as owner:
        owner.execute(GATES.encode())
    return Api(serve_module(settings), settings)


@pytest.fixture(scope="module")
def worlds(gated: Api) -> list[World]:
    worlds = [World(gated.of(uuid4()), most_sessions=60) for _ in range(2)]
    writer = Writer(worlds, seed=0)
    for _ in range(100):
        writer.write()
    return worlds


@contextmanager
def written(worlds: list[World]) -> Iterator[Writer]:
    """Somebody writes all the time."""
    writer, ended = Writer(worlds, seed=1), threading.Event()
    with ThreadPoolExecutor() as threads:
        writing = threads.submit(writer.write_until, ended, pause=0.05)
        try:
            yield writer
        finally:
            ended.set()
        writing.result()


def wrong(url: str) -> list[str]:
    with snapshot(url) as connection:
        return compare(connection).wrong


def wait_for(found: Callable[[], Any]) -> Any:
    until = time.monotonic() + SECONDS
    while not (result := found()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return result


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: f"{phase.command[0]} at {phase.gate}")
def test_a_killed_refresh_leaves_every_figure_exact(
    gated: Api, worlds: list[World], phase: Phase
) -> None:
    url, home = str(gated.settings.database_url), gated.settings.home
    Writer(worlds, seed=2).start(worlds[0])
    with written(worlds) as writer, psycopg.connect(url, autocommit=True) as watching:
        assert wrong(url) == []
        before = versions(watching)
        with psycopg.connect(url) as holding:
            holding.execute(
                "select pg_advisory_xact_lock(hashtextextended('gate ' || %s, 0))", [phase.gate]
            )
            process = start_dbt(*phase.command, url=url, target=home / "dbt" / "target")
            try:
                (backend,) = wait_for(lambda: watching.execute(AT_GATE, [phase.gate]).fetchone())
                written_before = writer.done.total()
                assert wrong(url) == []
            finally:
                process.kill()
                process.communicate()
            assert wrong(url) == []
            wait_for(lambda: writer.done.total() > written_before)
            if phase.is_ended:
                watching.execute("select pg_terminate_backend(%s)", [backend])
            # Let whoever still waits go on.
            holding.rollback()
        wait_for(
            lambda: (
                not watching.execute(
                    "select true from pg_stat_activity"
                    " where datname = current_database() and application_name = 'dbt'"
                ).fetchone()
            )
        )
        assert wrong(url) == []
        if phase.command != REBUILD and (phase.is_ended or phase.gate == "commit"):
            # Whoever was about to commit did so, without the one who asked for it.
            assert (versions(watching) == before) is phase.is_ended
    refresh(gated.settings, url)
    with snapshot(url) as connection:
        assert [*unsettled(connection), *compare(connection).wrong] == []
