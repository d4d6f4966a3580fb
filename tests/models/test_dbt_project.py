"""The dbt project by dbt's own command: green on every kind of database, and read as it says."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import BIN, REPOSITORY, Upshot
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from live_warehouse import variables
from parsed_project import ParsedProject

from ingest.store.operations import libpq_variables
from ingest.store.statements import SQL

READERS = {
    "team_analytics": (
        "read_moment",
        "read_pending",
        "read_corrections",
        "read_account",
        "read_account_from_raw",
        "read_engineer",
        "read_previous_of_account",
        "read_previous_of_engineer",
    ),
    "own_analytics": (
        "read_moment",
        "read_pending",
        "read_corrections",
        "read_account_from_raw",
        "read_engineer",
        "read_previous_of_engineer",
    ),
    "flow_analytics": ("read_moment", "read_pending", "read_flow", "read_previous_of_flow"),
}

READS_WHAT_IS_SERVED = "read_served"
"""By it the API knows the marts whose rows it reads: they are an exposure, too."""


def dbt(*arguments: str, url: str, target: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "UPSHOT_HOME"}
    return subprocess.run(
        [BIN / "dbt", *arguments, "--target-path", target, "--log-path", target],
        cwd=REPOSITORY,
        env=environment | libpq_variables(url) | {"DBT_USE_COLORS": "0"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dbt")


def test_dbt_build_is_green_on_an_empty_database(database_url: str, target: Path) -> None:
    done = dbt("build", url=database_url, target=target)
    assert "WARN=0 ERROR=0 SKIP=0" in done.stdout, done.stdout
    assert done.returncode == 0


def test_dbt_build_is_green_on_the_demo_again_and_in_full(
    database_url: str, target: Path, upshot: Upshot
) -> None:
    assert upshot("demo", "--sessions", "2000", database=database_url).returncode == 0
    # Those bring their own data.
    all_but_unit_tests = ("build", "--exclude-resource-type=unit_test")
    for arguments in ([], ["--full-refresh"]):
        done = dbt(*all_but_unit_tests, *arguments, url=database_url, target=target)
        assert "WARN=0 ERROR=0 SKIP=0" in done.stdout, done.stdout
        assert "Deprecat" not in done.stdout


@pytest.fixture(scope="module")
def manifest(parsed_project: ParsedProject) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(parsed_project.manifest.read_text())
    return parsed


def test_what_is_parsed_for_one_database_is_read_for_another(
    parsed_project: ParsedProject, database_url: str, tmp_path: Path
) -> None:
    parsed_project.put(tmp_path, database_url)
    happened: list[str] = []
    arguments = (f"--project-dir={REPOSITORY}", f"--profiles-dir={REPOSITORY}", "--log-level=none")
    with variables(libpq_variables(database_url)):
        done = dbtRunner(callbacks=[lambda event: happened.append(event.info.name)]).invoke(
            ["parse", *arguments, f"--target-path={tmp_path}", f"--log-path={tmp_path}"]
        )
    assert done.success
    assert "PartialParsingSkipParsing" in happened
    assert isinstance(done.result, Manifest)
    assert {urlsplit(database_url).path[1:]} == {
        node.database for node in done.result.nodes.values()
    }


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_is_an_exposure_of_what_it_reads(
    manifest: dict[str, Any], reader: str
) -> None:
    exposure = manifest["exposures"][f"exposure.upshot.{reader}"]
    declared = {node.rpartition(".")[2] for node in exposure["depends_on"]["nodes"]}
    text = b"".join(SQL[statement] for statement in READERS[reader]).decode()
    read = re.findall(r"\bmarts\.(\w+)", text) + re.findall(r"\blive\.(\w+?)__", text)
    assert set(read) == declared


def test_every_statement_that_reads_marts_belongs_to_a_reader() -> None:
    reading = {
        name for name, text in SQL.items() if re.search(rb"\b(from|join) (marts|live)\.", text)
    }
    known = {name for statements in READERS.values() for name in statements}
    # What the figures are, and when an account was refreshed, is no model's.
    assert reading == known | {
        *(READS_WHAT_IS_SERVED, "read_figures", "read_calendar"),
        # For operators.
        *("read_last_refresh", "read_checks", "read_failing_checks", "list_live_models"),
    }


def test_the_served_marts_are_an_exposure(manifest: dict[str, Any]) -> None:
    declared = set(manifest["exposures"]["exposure.upshot.marts_api"]["depends_on"]["nodes"])
    serving = {
        name
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["config"]["meta"].get("serve") is True
    }
    assert serving == declared
    assert serving


def test_every_mart_has_a_contract_and_says_its_grain(manifest: dict[str, Any]) -> None:
    for node in manifest["nodes"].values():
        if node["resource_type"] != "model":
            continue
        last_sentence = re.split(r"(?<=\.)\s+", node["description"].strip())[-1]
        assert last_sentence.startswith("One row per "), node["name"]
        if node["schema"] == "marts":
            assert node["contract"]["enforced"], node["name"]
            assert "account_id" in node["columns"], node["name"]
            for column in node["columns"].values():
                assert column["description"], (node["name"], column["name"])


def test_no_model_holds_a_comment(manifest: dict[str, Any]) -> None:
    for node in manifest["nodes"].values():
        assert "comment" not in node.get("columns", {}), node["name"]


def test_names_of_folders_are_names_of_schemas(manifest: dict[str, Any]) -> None:
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model":
            assert Path(node["path"]).parts[0] == node["schema"]


def test_the_profile_needs_libpqs_variables_beside_a_database_url(tmp_path: Path) -> None:
    """Or dbt would build into another database than the one that the URL names."""
    environment = {"PATH": os.environ["PATH"], "UPSHOT_DATABASE_URL": "postgresql://elsewhere/x"}
    done = subprocess.run(
        [BIN / "dbt", "parse", "--target-path", tmp_path, "--log-path", tmp_path],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "PGHOST" in done.stdout
