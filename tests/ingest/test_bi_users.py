"""A BI user: a login that sees the marts of one account, whatever SQL it types."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from conftest import Api, Upshot
from tenants import Tenant

from ingest.refresh import refresh
from ingest.store.bi_users import BiUser, make_bi_user, revoke_bi_user

Rows = list[tuple[Any, ...]]
PASSWORD = "a long one from a vault"


def url_of(api: Api) -> str:
    return str(api.settings.database_url)


def of_login(url: str, name: str, password: str = PASSWORD) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{name}:{quote(password)}@{host}"))


@pytest.fixture(scope="module")
def tenants(shared_live_api: Api) -> Sequence[Tenant]:
    """Our account and another; something of each is refreshed and something pending."""
    tenants = [Tenant(shared_live_api.of(uuid4())) for _ in range(2)]
    for each in tenants:
        each.write(sessions=3)
    refresh(shared_live_api.settings, url_of(shared_live_api))
    for each in tenants:
        each.write(sessions=2)
    return tenants


@pytest.fixture(scope="module")
def ours(tenants: Sequence[Tenant]) -> Tenant:
    return tenants[0]


@pytest.fixture(scope="module")
def bi_url(shared_live_api: Api, ours: Tenant) -> Iterator[str]:
    """The URL by which our BI user reaches the database."""
    url, name = url_of(shared_live_api), f"bi_{uuid4().hex}"
    make_bi_user(url, BiUser(name, ours.account_id), PASSWORD)
    yield of_login(url, name)
    revoke_bi_user(url, name)


Ask = Callable[[str], Rows]


@pytest.fixture
def ask(bi_url: str) -> Iterator[Ask]:
    """Run what our BI user types, in one session."""
    with psycopg.connect(bi_url, autocommit=True) as connection:

        def run(statement: str) -> Rows:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture
def marts(shared_live_api: Api) -> list[str]:
    with psycopg.connect(url_of(shared_live_api)) as owner:
        found = owner.execute(
            "select relname from pg_class where relnamespace = 'marts'::regnamespace and "
            "relkind in ('r', 'v', 'm', 'p') order by 1"
        ).fetchall()
    assert len(found) > 15
    return [name for (name,) in found]


# --- what it sees ---------------------------------------------------------------------------------


def test_of_every_mart_it_sees_its_accounts_rows_pending_ones_too(
    ask: Ask, marts: list[str], ours: Tenant, shared_live_api: Api
) -> None:
    with psycopg.connect(url_of(shared_live_api)) as owner:
        owner.execute("set timezone = 'UTC'")
        assert owner.execute(
            "select count(*) > 1 from live.pending_sessions where account_id = %s",
            [ours.account_id],
        ).fetchone() == (True,)
        ask("set timezone = 'UTC'")
        for mart in marts:
            theirs = owner.execute(
                f"select mart::text from marts.{mart} as mart where account_id = %s".encode(),
                [ours.account_id],
            ).fetchall()
            assert theirs, mart
            assert sorted(theirs) == sorted(ask(f"select mart::text from marts.{mart} as mart"))


def test_it_finds_the_marts_without_a_word_about_schemas(ask: Ask, ours: Tenant) -> None:
    assert ask("select sum(sessions)::integer from daily_outcomes") == [(5,)]
    assert ask("select name from users") == [(ours.marker,)]


# --- what it tries --------------------------------------------------------------------------------

NAMES_ANOTHER = [
    "set app.account_id = '{theirs}'",
    "select set_config('app.account_id', '{theirs}', false)",
    "set role none",
    "set role upshot_bi",
    "set search_path = raw, live, staging, marts",
    "set row_security = on",
    "set enable_seqscan = off; set enable_indexscan = off; set enable_bitmapscan = off",
    "set debug_parallel_query = on",
]
DENIED = [
    # Other roles.
    "set role upshot_reader",
    "set role upshot_owner",
    "set role postgres",
    "set session authorization upshot_reader",
    "set session authorization postgres",
    "grant upshot_reader to current_user",
    "alter role current_user bypassrls",
    "create role another login in role upshot_reader",
    # What lies beneath.
    "select * from raw.users",
    "select comment from raw.session_ratings",
    "select * from staging.stg_raw__users",
    "select * from live.facts__stored",
    "select * from live.pending_sessions",
    "select * from access.bi_users",
    "select * from public._yoyo_migration",
    "select query_to_xml('select * from raw.users', true, false, '')",
    "select schema_to_xml('raw', true, false, '')",
    "select table_to_xml('raw.users', true, false, '')",
    "select table_to_xml({raw_users}::oid::regclass, true, false, '')",
    "select * from marts.facts, raw.sessions",
    "copy raw.users to stdout",
    "copy (select * from raw.users) to stdout",
    "copy marts.users to program 'cat'",
    "do $$ begin perform 1 from raw.users; end $$",
    "select * from pg_authid",
    "select * from pg_statistic",
    "select * from pg_largeobject",
    "select pg_read_file('postgresql.conf')",
    "select pg_ls_dir('.')",
    "select lo_import('/etc/passwd')",
    "select pg_stat_file('postgresql.conf')",
    # Around the policies.
    "set row_security = off; select * from marts.users",
    "alter table raw.users disable row level security",
    "drop policy bi_users on raw.users",
    "alter view marts.users set (security_invoker = false)",
    "select access.lock_rows('marts.users')",
    "create function pg_temp.leak(text) returns boolean language sql cost 0.0001 as 'select true'",
    "create function marts.leak(text) returns boolean language sql as 'select true'",
    "create function public.leak(text) returns boolean language sql as 'select true'",
    # Writing.
    "update marts.users set name = ''",
    "delete from marts.accounts",
    "insert into marts.accounts select * from marts.accounts",
    "create table marts.mine ()",
    "create table public.mine ()",
    "create temporary table mine ()",
    "create view marts.mine as select 1",
    "create schema mine",
    "select * into public.mine from marts.users",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
    "truncate marts.users",
    "create extension dblink",
    # Getting in the way.
    "select pg_advisory_lock(hashtextextended('upshot refresh', 0))",
    "select pg_try_advisory_xact_lock_shared(1)",
    "begin; lock table marts.facts in share mode",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename <> current_user",
]


@pytest.mark.parametrize("said", NAMES_ANOTHER)
def test_nothing_it_says_shows_another_account(
    ask: Ask, tenants: Sequence[Tenant], said: str
) -> None:
    ours, theirs = tenants
    ask(said.format(theirs=theirs.account_id))
    seen = ask("select distinct account_id from marts.facts")
    # As the group that it is in, it is nobody.
    assert seen == ([] if said == "set role upshot_bi" else [(ours.account_id,)])


@pytest.mark.parametrize("said", DENIED)
@pytest.mark.usefixtures("ours")
def test_what_it_may_not_is_denied(ask: Ask, shared_live_api: Api, said: str) -> None:
    with psycopg.connect(url_of(shared_live_api)) as owner:
        row = owner.execute("select 'raw.users'::regclass::oid").fetchone()
    # Its own default is no fence.
    ask("set default_transaction_read_only = off")
    with pytest.raises(psycopg.Error) as denied:
        ask(said.replace("{raw_users}", str(row and row[0])))
    # Nothing was there by accident, such as a wrong word.
    assert denied.value.sqlstate in {
        "42501",  # insufficient_privilege
        "0A000",  # a view takes no rows
        "55000",  # the same
        "42809",  # a view is no table
    }, denied.value


def test_what_leaks_from_a_condition_is_its_own(ask: Ask, ours: Tenant) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation, match=ours.marker):
        ask("select * from marts.users where name::integer = 1")
    assert ask("select count(*) from marts.users where name::text like 'Marker%'") == [(1,)]


def test_an_explained_query_has_its_own_rows_alone(ask: Ask, marts: list[str]) -> None:
    for mart in marts:
        ((plan,),) = ask(f"explain (analyze, format json) select * from marts.{mart}")
        assert [(plan[0]["Plan"]["Actual Rows"],)] == ask(f"select count(*) from marts.{mart}")


def test_the_catalog_has_no_value_of_another(ask: Ask, shared_live_api: Api) -> None:
    with psycopg.connect(url_of(shared_live_api), autocommit=True) as owner:
        owner.execute("analyze")
    assert ask("select * from pg_stats where schemaname in ('raw', 'live')") == []


def test_a_view_of_its_definer_would_show_all(ask: Ask, ours: Tenant, shared_live_api: Api) -> None:
    """The control: what the tests above rely on is what such a view lacks."""
    with psycopg.connect(url_of(shared_live_api), autocommit=True) as owner:
        owner.execute("create view marts.of_everybody as select * from raw.users")
        try:
            owner.execute("grant select on marts.of_everybody to upshot_bi")
            assert len(ask("select * from marts.of_everybody")) > 1
            owner.execute("select access.serve('marts.of_everybody')")
            assert [(ours.account_id,)] == ask("select account_id from marts.of_everybody")
        finally:
            owner.execute("drop view marts.of_everybody")


def test_a_policy_on_a_setting_would_be_talked_round(ask: Ask, shared_live_api: Api) -> None:
    """The control: a user who sets what the API sets."""
    with psycopg.connect(url_of(shared_live_api)) as owner:
        rows = owner.execute("select account_id from raw.accounts").fetchall()
    with psycopg.connect(url_of(shared_live_api), autocommit=True) as owner:
        owner.execute(
            "create policy by_setting on raw.accounts for select to upshot_bi using "
            "(account_id = nullif(current_setting('app.account_id', true), '')::uuid)"
        )
        try:
            seen = set()
            for (account_id,) in rows:
                ask(f"set app.account_id = '{account_id}'")
                seen.update(ask("select account_id from marts.accounts"))
            assert seen == set(rows)
        finally:
            owner.execute("drop policy by_setting on raw.accounts")


def test_a_mart_that_is_built_later_is_seen_too(
    ask: Ask, ours: Tenant, shared_live_api: Api
) -> None:
    """Those that dbt builds are served as they are made, and every view in the marts is."""
    with psycopg.connect(url_of(shared_live_api), autocommit=True) as owner:
        owner.execute("set role upshot_transformer")
        owner.execute("create table marts.later as select * from marts.users")
        try:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ask("select * from marts.later")
            owner.execute("select access.serve('marts.later')")
            assert [(ours.marker,)] == ask("select name from marts.later")
        finally:
            owner.execute("drop table marts.later")


# --- the command ----------------------------------------------------------------------------------


def test_a_bi_user_comes_and_goes_by_the_command(
    upshot: Upshot, ours: Tenant, shared_live_api: Api
) -> None:
    url, name = url_of(shared_live_api), f"bi_{uuid4().hex}"
    account = str(ours.account_id)
    made = upshot("bi-user", name, "--account", account, database=url)
    assert made.returncode == 0, made.stderr
    password = made.stdout.rpartition(": ")[2].strip()
    assert len(password) >= 32
    listed = upshot("bi-user", "--list", database=url).stdout
    assert f"{name} {account}" in listed.splitlines()
    assert password not in listed
    with psycopg.connect(of_login(url, name, password), autocommit=True) as session:
        assert session.execute("select name from users").fetchall() == [(ours.marker,)]
        row = session.execute("show default_transaction_read_only").fetchone()
        assert row == ("on",)
        assert upshot("bi-user", name, "--revoke", database=url).returncode == 0
        with pytest.raises(psycopg.Error):
            session.execute("select name from users")
    assert name not in upshot("bi-user", "--list", database=url).stdout
    with psycopg.connect(url) as owner:
        assert owner.execute("select from pg_roles where rolname = %s", [name]).rowcount == 0


def test_what_cannot_be_is_one_sentence(
    upshot: Upshot, ours: Tenant, shared_live_api: Api, bi_url: str, tmp_path: Path
) -> None:
    url, name = url_of(shared_live_api), f"bi_{uuid4().hex}"
    of_account = ["--account", str(ours.account_id)]
    short = tmp_path / "password"
    short.write_text("hunter2\n")
    for arguments, said in (
        ([name, "--account", str(uuid4())], "no account"),
        ([str(urlsplit(bi_url).username), *of_account], "already"),
        (["upshot_bi", *of_account], "does not begin with"),
        (["Bi-user", *of_account], "small letters"),
        ([name, *of_account, "--password-file", str(short)], "12 characters"),
        ([name, *of_account, "--password-file", "/nowhere"], "cannot be read"),
        ([name, "--revoke"], "no BI user"),
        (["postgres", "--revoke"], "no BI user"),
    ):
        done = upshot("bi-user", *arguments, database=url)
        assert done.returncode == 1, arguments
        assert done.stdout == ""
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert "hunter2" not in done.stderr
    for arguments in ([], [name], [name, "--list"], [name, *of_account, "--revoke"]):
        assert upshot("bi-user", *arguments, database=url).returncode == 2, arguments


def test_a_login_that_may_create_no_role_is_told_so(
    upshot: Upshot, ours: Tenant, shared_live_api: Api
) -> None:
    url, login = url_of(shared_live_api), f"upshot_login_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(
            f"create role {login} login password '{PASSWORD}' "
            "in role upshot_owner, upshot_transformer".encode()
        )
        try:
            done = upshot(
                "bi-user", f"bi_{uuid4().hex}", "--account", str(ours.account_id),
                database=of_login(url, login),
            )  # fmt: skip
        finally:
            owner.execute(f"drop role {login}".encode())
    assert done.returncode == 1
    assert "CREATEROLE" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
