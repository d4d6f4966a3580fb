"""What each role of the database may do: asked of the catalog, and tried."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from catalog import DEFINERS_VIEWS, OF_LOGINS, UNLOCKED_TABLES
from conftest import Api, Serve, with_changes
from psycopg.errors import InsufficientPrivilege, InvalidTextRepresentation
from tenants import Tenant

from ingest.refresh import refresh
from ingest.settings import Settings, SettingsError
from ingest.store.database import Database
from ingest.store.migrate import migrate
from ingest.store.operations import refresh_is_due, vacuum_changes
from ingest.store.reads import Reads

Rows = list[tuple[Any, ...]]

ROLES = ("upshot_owner", "upshot_writer", "upshot_transformer", "upshot_reader", "upshot_bi")

WITH_ACCOUNTS: LiteralString = """
    select pg_class.oid::regclass::text
    from pg_class
    join pg_attribute on attrelid = pg_class.oid and attname = 'account_id'
    where
        relkind in ('r', 'p', 'v')
        and relnamespace::regnamespace::text in ('raw', 'staging', 'marts', 'live')
    order by 1
"""


@pytest.fixture(scope="module")
def tenants(shared_live_api: Api) -> tuple[Tenant, Tenant]:
    """Two accounts, with something refreshed and something pending each."""
    ours, theirs = (Tenant(shared_live_api.of(uuid4())) for _ in range(2))
    for each in (ours, theirs):
        each.write(sessions=3)
    refresh(shared_live_api.settings, url_of(shared_live_api))
    for each in (ours, theirs):
        each.write(sessions=2)
    return ours, theirs


def url_of(api: Api) -> str:
    return str(api.settings.database_url)


@contextmanager
def acting_as(url: str, role: str, account_id: UUID | None = None) -> Iterator[Any]:
    """Run statements as one of the roles; nothing of it stays."""
    with psycopg.connect(url) as connection:
        connection.execute("select set_config('role', %s, false)", [role])
        if account_id:
            connection.execute(f"set local app.account_id = '{account_id}'".encode())
        try:
            yield lambda statement: connection.execute(statement.encode())
        finally:
            connection.rollback()


def ask(url: str, statement: str) -> Rows:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


# --- the catalog ----------------------------------------------------------------------------------


class TestCatalog:
    def test_every_view_reads_with_its_readers_eyes(self, shared_live_api: Api) -> None:
        assert ask(url_of(shared_live_api), DEFINERS_VIEWS) == []

    def test_no_login_owns_what_is_served(self, shared_live_api: Api) -> None:
        assert ask(url_of(shared_live_api), OF_LOGINS) == []

    def test_every_table_with_accounts_has_locked_rows(self, shared_live_api: Api) -> None:
        assert ask(url_of(shared_live_api), UNLOCKED_TABLES) == []

    def test_no_role_can_log_in_or_is_part_of_another(self, shared_live_api: Api) -> None:
        found = ask(
            url_of(shared_live_api),
            f"select rolname from pg_roles where rolname in {ROLES} and not rolcanlogin "
            "and not rolsuper and not rolbypassrls and not rolcreaterole "
            "and not exists (select from pg_auth_members where member = pg_roles.oid)",
        )
        assert {name for (name,) in found} == set(ROLES)

    def test_a_plain_view_and_table_would_be_found(self, shared_live_api: Api) -> None:
        with acting_as(url_of(shared_live_api), "postgres") as run:
            run("create view marts.of_everybody as select * from raw.users")
            run("create table live.of_everybody as select * from raw.users")
            assert run(DEFINERS_VIEWS).fetchall() == [("marts.of_everybody",)]
            assert run(UNLOCKED_TABLES).fetchall() == [("live.of_everybody",)]
            assert run(OF_LOGINS).fetchall() == [("of_everybody",), ("of_everybody",)]


# --- what a reader sees ---------------------------------------------------------------------------


class TestReader:
    @pytest.mark.usefixtures("tenants")
    def test_who_names_no_account_sees_no_row(self, shared_live_api: Api) -> None:
        relations = ask(url_of(shared_live_api), WITH_ACCOUNTS)
        assert len(relations) > 60
        with acting_as(url_of(shared_live_api), "upshot_reader") as run:
            for (relation,) in relations:
                assert run(f"select count(*) from {relation}").fetchone() == (0,), relation

    def test_who_names_one_sees_its_rows_and_all_of_them(
        self, tenants: tuple[Tenant, Tenant], shared_live_api: Api
    ) -> None:
        url, ours = url_of(shared_live_api), tenants[0].account_id
        for (relation,) in ask(url, WITH_ACCOUNTS):
            counted = f"select count(*) from {relation} where account_id = '{ours}'"
            with acting_as(url, "upshot_reader", ours) as run:
                assert run(f"select count(*) from {relation}").fetchall() == ask(url, counted), (
                    relation
                )

    def test_a_view_of_its_definer_would_show_everything(
        self, tenants: tuple[Tenant, Tenant], shared_live_api: Api
    ) -> None:
        ours, theirs = tenants
        counted = "select count(distinct account_id) from marts.of_everybody"
        with acting_as(url_of(shared_live_api), "postgres") as run:
            run("create view marts.of_everybody as select * from raw.users")
            run("grant select on marts.of_everybody to upshot_reader")
            run("set role upshot_reader")
            run(f"set local app.account_id = '{ours.account_id}'")
            assert run(counted).fetchone()[0] > 1
            run("reset role")
            run("select access.serve('marts.of_everybody')")
            run("set role upshot_reader")
            assert run(counted).fetchone() == (1,)
        assert theirs.account_id != ours.account_id

    def test_an_account_that_is_none_is_an_error_and_no_way_in(self, shared_live_api: Api) -> None:
        with acting_as(url_of(shared_live_api), "upshot_reader") as run:
            run("set local app.account_id = 'or true'")
            with pytest.raises(InvalidTextRepresentation):
                run("select * from raw.users")


# --- what each role may not do --------------------------------------------------------------------

FORBIDDEN = [
    ("upshot_writer", "select * from marts.facts"),
    ("upshot_writer", "select * from live.facts__stored"),
    ("upshot_writer", "truncate raw.users"),
    ("upshot_writer", "alter table raw.users disable row level security"),
    ("upshot_writer", "create table raw.more ()"),
    ("upshot_transformer", "insert into raw.changes (account_id) values (gen_random_uuid())"),
    ("upshot_transformer", "update raw.users set name = ''"),
    ("upshot_transformer", "delete from raw.users"),
    ("upshot_transformer", "drop table raw.users"),
    ("upshot_transformer", "select * from access.bi_users"),
    ("upshot_transformer", "create table raw.more ()"),
    ("upshot_reader", "insert into raw.changes (account_id) values (gen_random_uuid())"),
    ("upshot_reader", "delete from raw.changes"),
    ("upshot_reader", "select * from access.bi_users"),
    ("upshot_reader", "select * from live.models"),
    ("upshot_reader", "update live.facts__stored set sessions = 0"),
    ("upshot_reader", "create table marts.more ()"),
    ("upshot_reader", "create temporary table more ()"),
    ("upshot_reader", "select pg_advisory_lock(1)"),
    ("upshot_bi", "select * from raw.users"),
    ("upshot_bi", "select * from live.facts__stored"),
]


@pytest.mark.parametrize(("role", "statement"), FORBIDDEN)
def test_a_role_does_its_own_work_alone(shared_live_api: Api, role: str, statement: str) -> None:
    with acting_as(url_of(shared_live_api), role) as run, pytest.raises(InsufficientPrivilege):
        run(statement)


# --- who the programs are -------------------------------------------------------------------------


def of_login(url: str, name: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{name}:{quote(password)}@{host}"))


@contextmanager
def new_login(server_url: str, privileges: str) -> Iterator[str]:
    name = f"upshot_login_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"create role {name} login password '{PASSWORD}' {privileges}".encode())
        try:
            yield name
        finally:
            server.execute(f"drop owned by {name}; drop role {name}".encode())


PASSWORD = "from a vault"


def test_nothing_needs_a_superuser(
    server_url: str, base_settings: Settings, tmp_path: Path
) -> None:
    database = f"upshot_test_{uuid4().hex}"
    with (
        new_login(server_url, "createrole") as login,
        psycopg.connect(server_url, autocommit=True) as server,
    ):
        # As if it had made the roles, which other databases on the server have as well.
        server.execute(f"grant {', '.join(ROLES[:-1])} to {login}".encode())
        server.execute(f"grant upshot_bi to {login} with admin option".encode())
        server.execute(f"create database {database} owner {login}".encode())
        try:
            url = urlunsplit(
                urlsplit(of_login(server_url, login, PASSWORD))._replace(path=database)
            )
            assert "0005.access" in migrate(url)
            assert migrate(url) == []
            refresh(with_changes(base_settings, home=tmp_path), url)
            vacuum_changes(url)
            assert not refresh_is_due(url)
            assert ask(url, OF_LOGINS) == ask(url, UNLOCKED_TABLES) == []
        finally:
            server.execute(f"drop database {database} with (force)".encode())


def test_a_login_that_may_make_no_roles_is_told_so_in_a_sentence(server_url: str) -> None:
    database = f"upshot_test_{uuid4().hex}"
    with (
        new_login(server_url, "") as login,
        psycopg.connect(server_url, autocommit=True) as server,
    ):
        server.execute(f"create database {database} owner {login}".encode())
        try:
            url = urlunsplit(
                urlsplit(of_login(server_url, login, PASSWORD))._replace(path=database)
            )
            with pytest.raises(SettingsError, match="may not make the database's roles"):
                migrate(url)
        finally:
            server.execute(f"drop database {database} with (force)".encode())


def test_the_api_needs_no_more_than_to_write_and_to_read(
    tenants: tuple[Tenant, Tenant], shared_live_api: Api, server_url: str
) -> None:
    async def try_it(url: str) -> None:
        database = Database(url, size=1)
        await database.open(wait=True)
        try:
            await database.check()
            ours = tenants[0]
            found = await Reads(database).account(ours.account_id, lambda today: (today, today), 10)
            assert [row.name for row in found.figures.flows] == [ours.marker]
            async with (
                database.reading(ours.account_id) as reader,
                database.writing(ours.account_id) as writer,
            ):
                for connection, role in ((reader, "upshot_reader"), (writer, "upshot_writer")):
                    cursor = await connection.execute("select current_user")
                    assert await cursor.fetchone() == (role,)
        finally:
            await database.close()

    with new_login(server_url, "in role upshot_writer, upshot_reader") as login:
        asyncio.run(try_it(of_login(url_of(shared_live_api), login, PASSWORD)))


# --- a database from before there were roles ------------------------------------------------------

WITHOUT_ROLES: LiteralString = """
do $$
declare
    relation record;
begin
    drop schema access cascade;
    delete from public._yoyo_migration where migration_id = '0005.access';
    for relation in
        select oid::regclass as name, relkind
        from pg_class
        where
            relkind in ('r', 'v')
            and relnamespace::regnamespace::text in ('raw', 'staging', 'marts', 'live')
    loop
        execute format('alter table %s owner to current_user', relation.name);
        execute format(
            'revoke all on %s from upshot_writer, upshot_transformer, upshot_reader, upshot_bi',
            relation.name
        );
        if relation.relkind = 'v' then
            execute format('alter view %s reset (security_invoker)', relation.name);
        else
            execute format('alter table %s disable row level security', relation.name);
        end if;
    end loop;
    alter schema raw owner to current_user;
    alter schema staging owner to current_user;
    alter schema marts owner to current_user;
    alter schema live owner to current_user;
end
$$
"""


def test_a_database_from_before_there_were_roles_gets_them_while_it_is_read(
    new_live_settings: Callable[[], Settings], serve: Serve
) -> None:
    settings = new_live_settings()
    url = str(settings.database_url)
    tenant = Tenant(Api(serve(settings), settings))
    tenant.write(sessions=2)
    refresh(settings, url)
    tenant.write(sessions=1)
    counted = "select sum(sessions)::integer from marts.daily_outcomes"
    with psycopg.connect(url) as owner:
        owner.execute(WITHOUT_ROLES)
    assert ask(url, OF_LOGINS)
    assert ask(url, DEFINERS_VIEWS)
    assert ask(url, UNLOCKED_TABLES)
    with ThreadPoolExecutor() as threads, psycopg.connect(url) as reader:
        # What holds a lock is waited for, and nobody else with it.
        assert reader.execute(counted.encode()).fetchone() == (3,)
        migrating = threads.submit(migrate, url)
        for _ in range(20):
            assert ask(url, counted) == [(3,)]
        reader.commit()
        assert migrating.result(60) == ["0005.access"]
    for found in (OF_LOGINS, DEFINERS_VIEWS, UNLOCKED_TABLES):
        assert ask(url, found) == []
    refresh(settings, url)
    with acting_as(url, "upshot_reader", tenant.account_id) as run:
        assert run(counted).fetchone() == (3,)
