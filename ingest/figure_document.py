"""What figures mean, in the OpenAPI document: the words of the marts that define them."""

from typing import Any

from msgspec import Struct

from ingest.catalog import Catalog

SUMMARY = {
    "total_sessions": "sessions",
    "completed_sessions": "completed",
    "total_ratings": "ratings",
    "date": "day",
}
"""Where a summary has another name for a column of the marts."""
DEFINED_BY = {
    "Summary": "account_summaries",
    "OutcomeBreakdown": "account_summaries",
    "CsatDistribution": "account_summaries",
    "Day": "account_summaries",
    "TopFlow": "flow_summaries",
    "TopEngineer": "engineer_summaries",
    "StepVotes": "step_summaries",
    "Step": "step_summaries",
    "Edge": "step_edges",
}
"""Which mart has the columns that an answer's part shows."""
BEYOND_MARTS = {"active_engineers": "Engineers with a session in the window. Not told of a flow."}
"""What is counted where it is read: no sum of marts, as an engineer works on many days."""


class Meaning(Struct, frozen=True):
    description: str
    unit: str | None


def meanings(catalog: Catalog) -> dict[str, Meaning]:
    """Return what figures mean, by the names that the analytics give them."""
    named = {column: name for name, column in SUMMARY.items()}
    by_marts = {
        named.get(column.name, column.name): Meaning(column.description, column.unit)
        for mart in reversed(DEFINED_BY.values())
        if mart in catalog.marts
        for column in catalog.marts[mart].columns
    }
    return by_marts | {name: Meaning(text, None) for name, text in BEYOND_MARTS.items()}


def with_meanings(document: dict[str, Any], catalog: Catalog | None) -> dict[str, Any]:
    """Return the document with descriptions of figures; the one that is given stays as it is."""
    schemas = document["components"]["schemas"]
    described = {
        name: schemas[name] | {"properties": _described(schemas[name], catalog, mart)}
        for name, mart in DEFINED_BY.items()
        if catalog is not None and name in schemas and mart in catalog.marts
    }
    components = document["components"] | {"schemas": schemas | described}
    return document | {"components": components}


def _described(schema: dict[str, Any], catalog: Catalog, mart: str) -> dict[str, Any]:
    columns = catalog.marts[mart].by_name
    texts = BEYOND_MARTS | {name: column.description for name, column in columns.items()}
    return {
        name: (
            each | {"description": texts[known]}
            if "$ref" not in each and (known := SUMMARY.get(name, name)) in texts
            else each
        )
        for name, each in schema["properties"].items()
    }
