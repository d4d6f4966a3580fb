"""Databases on the server that the tests have: copies of one another, or on Citus made anew.

Citus knows in each database which nodes it has and what lies on them, and a copy of a database
would take that for its own. A database is made on every node there, and each is told of the others.
"""

import os
import sys
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from citus_stand_in import HAS_CITUS

NODES = """
    select nodename, nodeport, groupid
    from pg_dist_node
    where noderole = 'primary' and isactive
    order by groupid
"""


class Server:
    """The server of a URL; on Citus its coordinator, which has its nodes in the URL's database."""

    def __init__(self, url: str) -> None:
        self.url = url
        with self.connect() as connection:
            self.is_citus = bool(connection.execute(HAS_CITUS).fetchall())
            self.nodes = connection.execute(NODES).fetchall() if self.is_citus else []
        self.database = urlsplit(url).path[1:]
        self.workers = [(host, port) for host, port, group in self.nodes if group]

    def connect(self) -> psycopg.Connection[Any]:
        return _connect(self.url)

    def of(self, database: str, host: str | None = None, port: int | None = None) -> str:
        """The URL of a database, on another node if given."""
        parts = urlsplit(self.url)._replace(path=f"/{database}")
        if host is not None:
            login, at, _ = parts.netloc.rpartition("@")
            parts = parts._replace(netloc=f"{login}{at}{host}:{port}")
        return urlunsplit(parts)

    def create(self, name: str, template: str | None = None) -> str:
        """Make a database, empty or a copy, and return its URL."""
        assert not (template and self.is_citus)
        copied = f" template {template}" if template else ""
        with self.connect() as connection:
            connection.execute(f"create database {name}{copied}".encode())
        if not self.is_citus:
            return self.of(name)
        for worker in self.workers:
            with _connect(self.of(self.database, *worker)) as node:
                node.execute(f"create database {name}".encode())
            with _connect(self.of(name, *worker)) as node:
                node.execute("create extension if not exists citus")
        with _connect(self.of(name)) as connection:
            connection.execute("create extension if not exists citus")
            for host, port, group in self.nodes:
                added = "citus_add_node" if group else "citus_set_coordinator_host"
                connection.execute(f"select {added}(%s, %s)".encode(), (host, port))
        return self.of(name)

    def drop(self, name: str) -> None:
        with self.connect() as connection:
            connection.execute(f"drop database {name} with (force)".encode())
        for worker in self.workers:
            with _connect(self.of(self.database, *worker)) as node:
                node.execute(f"drop database {name} with (force)".encode())


def _connect(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url, autocommit=True)


def refusal(url: str) -> str | None:
    """Say why the tests cannot run on Citus there; none if they can."""
    try:
        server = Server(url)
        if not server.is_citus:
            return "has not the extension citus: create it, and add the nodes"
        if not server.workers:
            return "knows no worker: select citus_add_node(host, port)"
        for worker in server.workers:
            _connect(server.of(server.database, *worker)).close()
    except psycopg.OperationalError as error:
        return f"cannot be used, or one of its workers not from here: {str(error).splitlines()[0]}"
    return None


if __name__ == "__main__":
    reason = refusal(os.environ["UPSHOT_DATABASE_URL"])
    if reason:
        sys.exit(f"The database {reason}.")
