"""The tables: raw ones, which ingest writes, and those that dbt makes of them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    dbt_assets,
)
from pydantic import Field

from orchestration.dbt_project import copy_partial_parse, dbt_project
from orchestration.defs.resources import ChangeLog


class FolderTranslator(DagsterDbtTranslator):
    """Groups models by their folder, and sources by their schema."""

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        if dbt_resource_props["resource_type"] == "source":
            # A model's comes with its SQL.
            return str(dbt_resource_props["description"])
        return str(super().get_description(dbt_resource_props))

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] == "source":
            return str(dbt_resource_props["source_name"])
        _project, folder, *_rest = dbt_resource_props["fqn"]
        return str(folder)


manifest = json.loads(dbt_project.manifest_path.read_text(encoding="utf-8"))
translator = FolderTranslator(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))

# Without these Dagster knows of a source only that a model reads it.
raw_tables = [
    translator.get_asset_spec(manifest, source, dbt_project) for source in manifest["sources"]
]


class Scope(dg.Config):
    """How much the tests of exactness look at."""

    accounts_to_check: int | None = Field(
        default=None,
        ge=1,
        description=(
            "How many accounts are compared with raw, chosen by chance; as dbt_project.yml says,"
            " if empty."
        ),
    )


@dbt_assets(
    manifest=manifest,
    project=dbt_project,
    dagster_dbt_translator=translator,
    name="warehouse",
)
def warehouse(
    context: dg.AssetExecutionContext,
    config: Scope,
    dbt: DbtCliResource,
    change_log: ChangeLog,
) -> Iterator[Any]:
    # By default every run leaves a folder of artifacts in target/ for ever.
    with TemporaryDirectory(prefix="upshot-refresh-") as target:
        copy_partial_parse(dbt_project, Path(target))
        try:
            yield from dbt.cli(
                build_arguments(config), context=context, target_path=Path(target)
            ).stream()
        finally:
            # What the refresh took out of the log, red or not, slows every read.
            change_log.vacuum()


def build_arguments(scope: Scope) -> list[str]:
    """Return what dbt is asked for.

    >>> build_arguments(Scope(accounts_to_check=100))[-2:]
    ['--vars', '{"accounts_to_check": 100}']
    """
    # Unit tests try the SQL on rows of their own: a matter of its authors, and the same at every
    # refresh.
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    if scope.accounts_to_check is not None:
        arguments += ["--vars", json.dumps({"accounts_to_check": scope.accounts_to_check})]
    return arguments
