"""What figures mean, in the OpenAPI document: the words of the marts that define them."""

from typing import Any

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
    return {
        name: (
            each | {"description": columns[column].description}
            if "$ref" not in each and (column := SUMMARY.get(name, name)) in columns
            else each
        )
        for name, each in schema["properties"].items()
    }
