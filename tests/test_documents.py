"""The documents say what the code does."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import REPOSITORY, Upshot

from ingest.settings import read_settings
from orchestration.settings import read_settings as read_orchestration_settings


def read(name: str) -> str:
    return (REPOSITORY / name).read_text()


def settings() -> set[str]:
    files = read("ingest/settings.py") + read("orchestration/settings.py")
    return set(re.findall(r'"(UPSHOT_[A-Z_]+)"', files))


@pytest.mark.parametrize("document", ["README.md", ".env.example"])
def test_every_setting_is_documented(document: str) -> None:
    table = r"^\| `(UPSHOT_[A-Z_]+)` \|" if document == "README.md" else r"^# (UPSHOT_[A-Z_]+)="
    assert settings() == set(re.findall(table, read(document), re.MULTILINE))


def test_the_documented_defaults_are_the_defaults(tmp_path: Path) -> None:
    rows = re.findall(r"^# (UPSHOT_[A-Z_]+)=(.+)$", read(".env.example"), re.MULTILINE)
    stated = {name: value for name, value in rows if name != "UPSHOT_HOME"}
    home = {"UPSHOT_HOME": str(tmp_path)}
    assert read_settings(home) == read_settings(home | stated)
    assert read_orchestration_settings({}) == read_orchestration_settings(stated)


def test_every_command_is_documented(upshot: Upshot) -> None:
    commands = set(re.findall(r"^  (\w[\w-]*) ", upshot("--help").stdout, re.MULTILINE))
    assert {"up", "load"} <= commands
    assert commands == set(re.findall(r"^\| `upshot ([\w-]+)", read("README.md"), re.MULTILINE))


def test_every_make_target_is_documented() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", read("Makefile"), re.MULTILINE)
    assert phony is not None
    documented = set(re.findall(r"`make ([\w-]+)(?: \w+=…)?`", read("CONTRIBUTING.md")))
    assert set(phony[1].split()) - {"clean"} == documented


def test_every_direct_dependency_says_why_it_is_there() -> None:
    lines = read("pyproject.toml").splitlines()
    for before, line in pairwise(lines):
        if re.match(r'    "[a-z][\w-]*(\[[\w,]+\])?[<>=]', line):
            assert before.strip().startswith(("#", '"')), line


def test_lock_files_name_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        assert "://" not in read(name)
