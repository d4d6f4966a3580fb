"""The dbt project, and a warehouse that was built from it, for tests to change."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from databases import Server
from live_warehouse import HISTORY, Warehouse, copy_of_the_project, environment, variables
from parsed_project import ParsedProject

from ingest.store.migrate import make_roles, migrate


@pytest.fixture(scope="session")
def built(
    new_warehouse: Callable[[], str],
    parsed_project: ParsedProject,
    tmp_path_factory: pytest.TempPathFactory,
) -> Warehouse:
    """The project as it is, and a database in which all of it was built, and then run again."""
    url = new_warehouse()
    warehouse = Warehouse(copy_of_the_project(tmp_path_factory.mktemp("built") / "project"), url)
    parsed_project.put(warehouse.project / "target", url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(HISTORY)
    with variables(environment(url)):
        warehouse.dbt("run")
    return warehouse


@pytest.fixture
def warehouse(built: Warehouse, server: Server, tmp_path: Path) -> Iterator[Warehouse]:
    """A copy of both: a test may do to it what it likes."""
    with copy_of(built, server, tmp_path / "project") as copy:
        yield copy


@pytest.fixture(scope="module")
def shared_warehouse(
    built: Warehouse, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """A copy of both for all the tests of a file, which leave it as it was."""
    with copy_of(built, server, tmp_path_factory.mktemp("shared") / "project") as copy:
        yield copy


@contextmanager
def copy_of(built: Warehouse, server: Server, project: Path) -> Iterator[Warehouse]:
    """Copy the project, and the database under the same name: dbt has parsed it for that."""
    name = urlsplit(built.url).path[1:]
    aside = f"{name}_{uuid4().hex[:8]}"
    shutil.copytree(built.project, project)
    if server.is_citus:
        with built_anew(server, project, name) as copy:
            yield copy
        return
    with server.connect() as connection:
        connection.execute(f"alter database {name} rename to {aside}".encode())
        server.create(name, template=aside)
        with psycopg.connect(built.url, autocommit=True) as copied:
            # What the roles may do in a database as a whole is not copied with it.
            make_roles(copied)
        try:
            with variables(environment(built.url)):
                yield Warehouse(project, built.url)
        finally:
            server.drop(name)
            connection.execute(f"alter database {aside} rename to {name}".encode())


@contextmanager
def built_anew(server: Server, project: Path, name: str) -> Iterator[Warehouse]:
    """Build in a database of another name, which has to be parsed for."""
    other = f"{name[:20]}_{uuid4().hex}"
    url = server.create(other)
    try:
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(HISTORY)
        with variables(environment(url)):
            warehouse = Warehouse(project, url)
            warehouse.dbt("run")
            yield warehouse
    finally:
        server.drop(other)
