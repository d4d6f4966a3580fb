"""The examples in docstrings are true."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest
from conftest import REPOSITORY

WITH_EXAMPLES = sorted(
    path.relative_to(REPOSITORY)
    for folder in ("ingest", "orchestration", "tests")
    for path in (REPOSITORY / folder).rglob("*.py")
    if "\n    >>> " in path.read_text()
)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=str)
def test_the_examples_are_true(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = path.with_suffix("").parts
    if parts[0] == "tests":
        # No package: a module is imported by its own name, as its neighbours do.
        monkeypatch.syspath_prepend(REPOSITORY / path.parent)
        parts = parts[-1:]
    done = doctest.testmod(import_module(".".join(parts)))
    assert (done.failed, done.attempted > 0) == (0, True)
