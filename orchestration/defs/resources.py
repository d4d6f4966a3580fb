"""What the assets need, and how they run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import psycopg
from dagster_dbt import DbtCliResource

from orchestration.dbt_project import DBT_EXECUTABLE, dbt_project, warehouse_credentials

TRY_LOCK = "select pg_try_advisory_lock(hashtextextended('upshot refresh', 0))"
WAIT_FOR_LOCK = "select pg_advisory_lock(hashtextextended('upshot refresh', 0))"


class RefreshLock(dg.ConfigurableResource["RefreshLock"]):
    """Lets one refresh into a warehouse at a time, whoever starts it.

    It is PostgreSQL's, not Dagster's: `upshot refresh` takes the same one, and
    it ends with its connection, however that ends. dbt holds the connection's
    socket too, as its standard input, which it never reads. Otherwise `kill -9`
    would end the lock with the run, while dbt went on without it.
    """

    @contextmanager
    def held(self) -> Iterator[None]:
        log = dg.get_dagster_logger()
        warehouse = warehouse_credentials(dbt_project).to_dict(omit_none=True)
        with psycopg.connect(
            host=warehouse["host"],
            port=warehouse["port"],
            user=warehouse["user"],
            password=warehouse["password"] or None,
            dbname=warehouse["database"],
            application_name="upshot refresh lock",
            autocommit=True,
        ) as connection:
            if connection.execute(TRY_LOCK).fetchone() != (True,):
                log.info("Another refresh is running. This one waits until it has ended.")
                connection.execute(WAIT_FOR_LOCK)
            with _inherited_as_stdin(connection.fileno()):
                yield


@contextmanager
def _inherited_as_stdin(file_descriptor: int) -> Iterator[None]:
    """Hand an open file to the processes that start meanwhile."""
    stdin = os.dup(0)
    os.dup2(file_descriptor, 0)
    try:
        yield
    finally:
        os.dup2(stdin, 0)
        os.close(stdin)


@dg.definitions
def resources() -> dg.Definitions:
    return dg.Definitions(
        resources={
            "dbt": DbtCliResource(
                project_dir=dbt_project,
                dbt_executable=str(DBT_EXECUTABLE),
                # Its file would go with the folder that it lies in; what dbt
                # says is in the run's own log.
                global_config_flags=["--log-level-file", "none"],
            ),
            "refresh_lock": RefreshLock(),
        },
        # A run is one call of dbt: a process for each step only costs time.
        executor=dg.in_process_executor,
    )
