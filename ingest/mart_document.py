"""The part of the OpenAPI document that the data team writes: a path for each mart."""

from collections.abc import Iterable
from typing import Any

import msgspec

from ingest.catalog import Catalog, Column, Mart
from ingest.column_types import LONGEST_TEXT
from ingest.mart_answers import MartMeta
from ingest.mart_formats import JSON, MEDIA_TYPES
from ingest.mart_query import ALL, DEFAULT_LIMIT, LARGEST_LIMIT, LONGEST_CURSOR, MOST_VALUES
from ingest.problems import MEDIA_TYPE, ProblemDetails

BASE = "/api/v1/marts"
ACCOUNT_PARAMETER = {
    "name": "account_id",
    "in": "query",
    "required": False,
    "description": "Act in this account; only a super_admin may name another than their own.",
    "schema": {"type": "string", "format": "uuid"},
}
PROBLEMS = {
    401: "No or bad token",
    403: "The role may not do this",
    406: "None of the media types in Accept is made here",
    422: "A rule is broken; errors point at each place",
    503: "Not right now; try again",
}
PROBLEM_HEADERS = {401: "WWW-Authenticate", 503: "Retry-After"}
_REF = "#/components/schemas/{name}"
_WHOLE_NUMBER = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}


def with_marts(document: dict[str, Any], catalog: Catalog | None) -> dict[str, Any]:
    """Return the document with the marts of the catalog; the one that is given stays as it is."""
    marts = catalog.marts.values() if catalog else ()
    _, schemas = msgspec.json.schema_components((MartMeta, ProblemDetails), ref_template=_REF)
    components = document["components"]
    return document | {
        "paths": document["paths"]
        | {f"{BASE}/{mart.name}": {"get": _operation(mart)} for mart in marts}
        | {BASE + "/{name}": {"get": _any_mart()}},
        "components": components
        | {
            "schemas": components["schemas"]
            | schemas
            | {_row_name(mart): _row(mart) for mart in marts}
        },
    }


def _row_name(mart: Mart) -> str:
    return f"MartRow.{mart.name}"


def _row(mart: Mart) -> dict[str, Any]:
    return {
        "type": "object",
        "description": mart.description,
        "properties": {column.name: _cell(column) for column in mart.columns},
        "additionalProperties": False,
    }


def _cell(column: Column) -> dict[str, Any]:
    schema = column.type.schema
    if column.is_nullable:
        schema = schema | {"type": [schema["type"], "null"]}
    unit = {"x-unit": column.unit} if column.unit else {}
    return schema | {"description": column.description} | unit


def _operation(mart: Mart) -> dict[str, Any]:
    filters = [each for column in mart.columns for each in _filters(mart, column)]
    return {
        "tags": ["Marts"],
        "summary": mart.name,
        "operationId": f"read_{mart.name}",
        "description": mart.description,
        "deprecated": False,
        "parameters": [
            *filters,
            *(_window() if mart.has_periods else []),
            *_parameters(mart.by_name),
            ACCOUNT_PARAMETER,
        ],
        "responses": _responses({"$ref": _REF.format(name=_row_name(mart))}),
    }


def _any_mart() -> dict[str, Any]:
    name = {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "One of those that `GET /marts` lists.",
        "schema": {"type": "string"},
    }
    missing = {404: "No mart of that name is served"}
    return {
        "tags": ["Marts"],
        "summary": "Rows of a mart",
        "operationId": "readMart",
        "description": "Each mart has filters by its own columns: they stand at its own path.",
        "deprecated": False,
        "parameters": [name, *_parameters(None), ACCOUNT_PARAMETER],
        "responses": _responses({"type": "object"}) | _problems(missing),
    }


def _filters(mart: Mart, column: Column) -> Iterable[dict[str, Any]]:
    schema = column.type.schema
    if schema["type"] == "integer":
        schema = _WHOLE_NUMBER
    elif column.type.is_text:
        schema = schema | {"maxLength": LONGEST_TEXT}
    for name in mart.filters_of(column):
        if name == column.name:
            said, asked = (
                "Any of these.",
                {"type": "array", "items": schema, "maxItems": MOST_VALUES},
            )
        else:
            said, asked = "At least." if name.endswith("_from") else "At most.", schema
        yield {
            "name": name,
            "in": "query",
            "required": False,
            "description": f"{said} {column.description}",
            "schema": asked,
        }


def _window() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": f"{said} day of the rows' window, instead of a period; both or neither.",
            "schema": {"type": "string", "format": "date"},
        }
        for name, said in (("from", "First"), ("to", "Last"))
    ]


def _parameters(columns: Iterable[str] | None) -> list[dict[str, Any]]:
    name: dict[str, Any] = {"type": "string"}
    signed: dict[str, Any] = {"type": "string"}
    if columns is not None:
        name = {"type": "string", "enum": list(columns)}
        signed = {
            "type": "string",
            "enum": [f"{sign}{each}" for each in columns for sign in ("", "-")],
        }
    listed = {"type": "array", "minItems": 1, "uniqueItems": True}
    number = {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT}
    return [
        *(
            {
                "name": parameter,
                "in": "query",
                "required": False,
                "style": "form",
                "explode": False,
                "description": description,
                "schema": listed | {"items": items},
            }
            for parameter, items, description in (
                ("columns", name, "Only these, in this order; all without."),
                (
                    "order_by",
                    signed,
                    "A minus descends. Nulls are last; what is alike is in the key's order.",
                ),
            )
        ),
        *(
            {
                "name": parameter,
                "in": "query",
                "required": False,
                "description": description,
                "schema": schema,
            }
            for parameter, schema, description in (
                (
                    "limit",
                    {
                        "oneOf": [number, {"type": "string", "enum": [ALL]}],
                        "default": DEFAULT_LIMIT,
                    },
                    "The most rows of a page; all streams every row, in another format than JSON.",
                ),
                (
                    "cursor",
                    {"type": "string", "maxLength": LONGEST_CURSOR, "pattern": "^[A-Za-z0-9_-]*$"},
                    "The next_cursor of the page before, with the same filters and order.",
                ),
                ("total", {"type": "boolean"}, "Whether to count the rows of all pages."),
                ("format", {"type": "string", "enum": list(MEDIA_TYPES)}, "Instead of Accept."),
            )
        ),
    ]


def _responses(row: dict[str, Any]) -> dict[str, Any]:
    page = {
        "type": "object",
        "required": ["data", "meta"],
        "properties": {
            "data": {"type": "array", "items": row},
            "meta": {"$ref": _REF.format(name="MartMeta")},
        },
    }
    content: dict[str, Any] = {
        media_type: {"schema": {"type": "string", "format": "binary"}}
        for media_type in MEDIA_TYPES.values()
    }
    content[JSON] = {"schema": page}
    found = {"200": {"description": "Rows, in order", "content": content, "headers": {}}}
    unchanged = {"304": {"description": "What you have is still true", "headers": {}}}
    return found | unchanged | _problems(PROBLEMS)


def _problems(statuses: dict[int, str]) -> dict[str, Any]:
    return {
        str(status): {
            "description": description,
            "content": {
                MEDIA_TYPE: {"schema": {"$ref": _REF.format(name=ProblemDetails.__name__)}}
            },
            "headers": {
                header: {"required": True, "schema": {"type": "string"}}
                for header in [PROBLEM_HEADERS.get(status)]
                if header is not None
            },
        }
        for status, description in statuses.items()
    }
