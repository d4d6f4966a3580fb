"""The lock on what is served: a contract that others rely on is not broken unawares."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ingest.catalog import Catalog, Definition, Entry
from ingest.dbt_runs import PROJECT, run_dbt
from ingest.settings import Settings

LOCK = PROJECT / "models" / "served_contracts.json"
ANY_DATABASE = "postgresql://localhost/"
"""Parsing a project connects to none, but its profile has to name one."""

Contracts = dict[str, dict[str, str]]
"""The columns and their types of each mart that is served."""


def served_in(settings: Settings) -> Catalog:
    """Return what the project's files say is served, whatever was built.

    Raises:
        DbtFailed: dbt cannot make sense of them.
    """
    run_dbt(settings, settings.database_url or ANY_DATABASE, ["parse"])
    manifest = settings.home / "dbt" / "target" / "manifest.json"
    return catalog_of(msgspec.json.decode(manifest.read_bytes()))


def catalog_of(manifest: Mapping[str, Any]) -> Catalog:
    """Return what a manifest says is served."""
    return Catalog.of(
        # Whether answers may be kept is no part of a contract.
        Entry(definition, stays_for=None)
        for definition in definitions_in(manifest)
    )


def definitions_in(manifest: Mapping[str, Any]) -> list[Definition]:
    """Return what the YAML says of the models that ask to be served, as the macro writes it."""
    nodes = manifest["nodes"].values()
    return [
        _definition(node, [each for each in nodes if each.get("attached_node") == unique_id])
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["config"]["meta"].get("serve") is True
    ]


def _definition(node: Mapping[str, Any], tests: list[Mapping[str, Any]]) -> Definition:
    found = {
        "name": node["name"],
        "version": node.get("version"),
        "latest_version": node.get("latest_version"),
        "schema": node["schema"],
        "identifier": node["alias"],
        "description": node["description"],
        "has_contract": node["contract"]["enforced"],
        "tags": node["tags"],
        "columns": [
            {
                "name": column["name"],
                "data_type": column["data_type"],
                "description": column["description"],
                "tags": column["tags"],
                "unit": column["config"].get("meta", {}).get("unit"),
                "constraints": [each["type"] for each in column["constraints"]],
            }
            for column in node["columns"].values()
        ],
        "constraints": [
            {"type": each["type"], "columns": each["columns"]} for each in node["constraints"]
        ],
        "tests": [
            {
                "name": each["test_metadata"]["name"],
                "columns": each["test_metadata"]["kwargs"].get("columns") or [each["column_name"]],
            }
            for each in tests
            if each["test_metadata"]["name"] in {"unique", "not_null", "unique_combination"}
        ],
    }
    return msgspec.convert(found, Definition)


def contracts_of(catalog: Catalog) -> Contracts:
    return {
        name: {column.name: column.type.said for column in mart.columns}
        for name, mart in catalog.marts.items()
    }


def read_lock(path: Path = LOCK) -> Contracts:
    """Return what was accepted last; nothing where nothing was."""
    return msgspec.json.decode(path.read_bytes(), type=Contracts) if path.is_file() else {}


def write_lock(contracts: Contracts, path: Path = LOCK) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(contracts), indent=2) + b"\n")


def broken(accepted: Contracts, catalog: Catalog) -> list[str]:
    """Return a sentence for each promise to a reader that the catalog breaks.

    A mart with versions keeps what it was under the name of its version, so another shape of its
    latest one is announced by that, and breaks nothing.
    """
    found = []
    now = contracts_of(catalog)
    reasons = {refusal.name: refusal.reason for refusal in catalog.refused}
    for name, columns in accepted.items():
        if name not in now:
            why = f" {reasons[name]}" if name in reasons else ""
            found.append(f"The mart {name} is not served any more.{why}")
            continue
        versions = [each for each in now if each.startswith(f"{name}.v")]
        if all(_broken_columns(each, columns, now[each]) for each in versions):
            found += _broken_columns(name, columns, now[name])
    found += [
        f"The mart {name} cannot be served. {reason}"
        for name, reason in reasons.items()
        if name not in accepted
    ]
    return found


def _broken_columns(name: str, accepted: dict[str, str], now: dict[str, str]) -> list[str]:
    return [
        f"The mart {name} has lost its column {column}."
        if column not in now
        else f"The mart {name} has its column {column} as {now[column]}, and not as {kind}."
        for column, kind in accepted.items()
        if now.get(column) != kind
    ]


def added(accepted: Contracts, catalog: Catalog) -> list[str]:
    """Return a sentence for each mart and column that nobody has accepted yet."""
    found = []
    for name, columns in contracts_of(catalog).items():
        if name not in accepted:
            found.append(f"The mart {name} is new.")
        else:
            found += [
                f"The mart {name} has the new column {column}."
                for column in columns
                if column not in accepted[name]
            ]
    return found
