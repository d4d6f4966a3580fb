"""The word null as the value of a parameter, which is a value for texts alone.

The framework reads the word as no value wherever a parameter may be left out, in any case of
letters: `?hour=null` would be answered as if no hour had been asked for.
"""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import ParamType
from litestar.handlers.base import BaseRouteHandler
from litestar.params import ParameterKwarg

from ingest.problems import FieldProblem, Invalid

_SAID = "The word null is no value: leave the parameter out."


async def refuse_null(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Refuse a parameter of the query that is the word null and cannot be a text; it is a guard.

    Raises:
        Invalid: there are such; `errors` points at each.
    """
    query = connection.scope["query_string"]
    # Escaped, it may be any letters.
    if b"%" not in query and b"null" not in query.lower():
        return
    given = connection.query_params.multi_items()
    null = dict.fromkeys(name for name, value in given if value.lower() == "null")
    if not null:
        return
    refused = _without_text(handler)
    errors = [FieldProblem(pointer=f"/{name}", detail=_SAID) for name in null if name in refused]
    if errors:
        raise Invalid("A parameter of the request is not valid.", *errors)


def _without_text(handler: BaseRouteHandler) -> frozenset[str]:
    """Return the handler's parameters of the query that cannot be a text, by their public names."""
    signatures = (
        handler.parsed_fn_signature,
        *(each.parsed_fn_signature for each in handler.resolve_dependencies().values()),
    )
    return frozenset(
        kind.name or field.name
        for signature in signatures
        for field in signature.parameters.values()
        if isinstance(kind := field.kwarg_definition, ParameterKwarg)
        and kind.param_type is ParamType.QUERY
        and not (field.is_subclass_of(str) or field.has_inner_subclass_of(str))
    )
