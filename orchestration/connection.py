"""A connection of our own to the warehouse, where dbt's would not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from ingest.store.statements import SQL
from orchestration.dbt_project import dbt_project, warehouse_credentials

CONNECT_SECONDS = 10


@contextmanager
def connected(role: str | None = None) -> Iterator[psycopg.Connection[Any]]:
    """Connect to where dbt builds, in autocommit and in a role: dbt's, if no other is named."""
    warehouse = warehouse_credentials(dbt_project).to_dict(omit_none=True)
    with psycopg.connect(
        host=warehouse["host"],
        port=warehouse["port"],
        user=warehouse["user"],
        password=warehouse["password"] or None,
        dbname=warehouse["database"],
        connect_timeout=CONNECT_SECONDS,
        application_name="upshot dagster",
        autocommit=True,
    ) as connection:
        connection.execute(SQL["configure_command"], {"role": role or warehouse["role"]})
        yield connection
