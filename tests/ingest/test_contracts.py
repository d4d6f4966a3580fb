"""What others rely on is not broken unawares."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, Upshot
from msgspec.structs import replace

from ingest.catalog import Catalog, ColumnEntry, Constraint, Definition, Entry
from ingest.contracts import LOCK, added, broken, contracts_of, read_lock, write_lock

COLUMNS = {"account_id": "uuid", "day": "date", "sessions": "bigint"}

GONE = "The mart busy_days is not served any more."
NO_PII = f"{GONE} It is tagged pii: personal data is not served."
NO_CONTRACT = (
    "The mart busy_days cannot be served. It needs a contract: `contract: {enforced: true}`, and"
    " its columns with their types."
)


def definition(
    columns: dict[str, str] = COLUMNS, *, version: int | None = None, **more: Any
) -> Definition:
    known: dict[str, Any] = {
        "name": "busy_days",
        "version": version,
        "latest_version": 2 if version else None,
        "schema": "marts",
        "identifier": "busy_days",
        "description": "How busy the days are. One row per account and day.",
        "has_contract": True,
        "tags": [],
        "columns": [ColumnEntry(name=name, data_type=kind) for name, kind in columns.items()],
        "constraints": [Constraint(type="primary_key", columns=["account_id", "day"])],
        "tests": [],
    }
    return Definition(**known | more)


def catalog(*definitions: Definition) -> Catalog:
    return Catalog.of(Entry(each, stays_for="day") for each in definitions)


ACCEPTED = contracts_of(catalog(definition()))


def test_what_is_as_it_was_breaks_nothing() -> None:
    assert {"busy_days": {"day": "date", "sessions": "bigint"}} == ACCEPTED
    assert broken(ACCEPTED, catalog(definition())) == []
    assert added(ACCEPTED, catalog(definition())) == []


def test_a_description_a_key_and_an_order_of_columns_break_nothing() -> None:
    turned = dict(reversed(COLUMNS.items()))
    assert broken(ACCEPTED, catalog(definition(turned, description="Other."))) == []


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        ([], GONE),
        (
            [definition({"account_id": "uuid", "day": "date"})],
            "The mart busy_days has lost its column sessions.",
        ),
        (
            [definition(COLUMNS | {"sessions": "integer"})],
            "The mart busy_days has its column sessions as integer, and not as bigint.",
        ),
        (
            [definition(tags=["pii"])],
            NO_PII,
        ),
    ],
)
def test_each_breaking_change_is_one_sentence(now: list[Definition], sentence: str) -> None:
    assert broken(ACCEPTED, catalog(*now)) == [sentence]


def test_what_asks_to_be_served_and_cannot_be_is_told() -> None:
    assert broken({}, catalog(definition(has_contract=False))) == [NO_CONTRACT]


def test_an_addition_breaks_nothing_and_is_told() -> None:
    more = definition(COLUMNS | {"rated": "bigint"})
    assert broken(ACCEPTED, catalog(more)) == []
    assert added(ACCEPTED, catalog(more)) == ["The mart busy_days has the new column rated."]
    assert added({}, catalog(more)) == ["The mart busy_days is new."]


def test_a_version_lets_the_latest_be_another() -> None:
    first = definition(version=1)
    second = definition({"account_id": "uuid", "day": "date"}, version=2)
    assert broken(ACCEPTED, catalog(first, second)) == []
    both = contracts_of(catalog(first, second))
    assert set(both) == {"busy_days", "busy_days.v1", "busy_days.v2"}
    # And from then on each is held to what it is.
    assert broken(both, catalog(second)) == ["The mart busy_days.v1 is not served any more."]
    other = replace(first, columns=first.columns[:-1])
    assert broken(both, catalog(other, second)) == [
        "The mart busy_days.v1 has lost its column sessions."
    ]


def test_types_are_told_apart_by_their_digits_and_not_by_their_spelling() -> None:
    spelt = definition(COLUMNS | {"sessions": "INT8"})
    assert broken(ACCEPTED, catalog(spelt)) == []
    rate = catalog(definition(COLUMNS | {"rate": "numeric(5,3)"}))
    finer = catalog(definition(COLUMNS | {"rate": "numeric(6,4)"}))
    assert broken(contracts_of(rate), finer) == [
        "The mart busy_days has its column rate as numeric(6,4), and not as numeric(5,3)."
    ]


def test_what_is_accepted_is_read_again(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "none.json") == {}
    write_lock(ACCEPTED, tmp_path / "lock.json")
    assert read_lock(tmp_path / "lock.json") == ACCEPTED


def test_the_projects_own_contracts_hold(upshot: Upshot) -> None:
    done = upshot("contracts")
    assert (done.returncode, done.stdout) == (0, "Every contract holds.\n"), done.stdout


def test_the_check_runs_where_code_is_checked() -> None:
    check = (REPOSITORY / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    assert "upshot contracts" in check


def test_a_broken_contract_fails_the_check(upshot: Upshot, tmp_path: Path) -> None:
    """Of a copy of the project, by the command itself."""
    copy = tmp_path / "copy"
    for name in ("dbt_project.yml", "profiles.yml", "macros", "models", "tests/dbt", "ingest"):
        source = REPOSITORY / name
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    lock = copy / LOCK.relative_to(REPOSITORY)
    accepted = json.loads(lock.read_text())
    accepted["periods"]["weekday"] = "text"
    lock.write_text(json.dumps(accepted))
    done = upshot("contracts", PYTHONPATH=str(copy))
    assert done.returncode == 1
    assert done.stdout.startswith("The mart periods has lost its column weekday. Give the model")
    assert upshot("contracts", "--accept", PYTHONPATH=str(copy)).returncode == 0
    assert upshot("contracts", PYTHONPATH=str(copy)).stdout == "Every contract holds.\n"
    assert json.loads(lock.read_text()) == json.loads(LOCK.read_text())
