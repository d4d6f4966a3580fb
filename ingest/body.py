"""How a JSON body is read: strictly, by its declared type, with one error contract.

The framework's own way converts leniently (`"5"` and `true` pass as 5 and 1), reads any content
type as JSON, and answers invalid UTF-8, NUL and deep nesting with a 500.
"""

import re
from collections.abc import Generator
from typing import Any, TypeVar

import msgspec
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from ingest.problems import (
    FieldProblem,
    Invalid,
    MalformedBody,
    UnsupportedMediaType,
)

T = TypeVar("T")

_PLACE = re.compile(r"^(?P<detail>.*?)(?: - at `(?:key in )?\$(?P<path>[^`]*)`)?$", re.DOTALL)


def decode(body: bytes, kind: type[T] | msgspec.json.Decoder[T]) -> T:
    """Decode JSON of a type.

    Raises:
        MalformedBody: it is no JSON, no UTF-8, too deep, or holds a NUL.
        Invalid: it breaks a rule of the type.

    """
    decoder = kind if isinstance(kind, msgspec.json.Decoder) else msgspec.json.Decoder(kind)
    try:
        value = decoder.decode(body)
        # The escape may also be the tail of an escaped backslash: look at what it decodes to.
        if b"\\u0000" in body and _has_nul(msgspec.json.decode(body)):
            raise MalformedBody("A text holds a NUL character.")
    except msgspec.ValidationError as error:
        # A text that is both malformed and of the wrong type is malformed first.
        check_parseable(body)
        raise _as_invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody(f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise MalformedBody("The body is nested too deeply.") from None
    return value


def check_parseable(body: bytes) -> None:
    """Raise MalformedBody unless the body is JSON without a NUL."""
    try:
        if _has_nul(msgspec.json.decode(body)):
            raise MalformedBody("A text holds a NUL character.")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody(f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise MalformedBody("The body is nested too deeply.") from None


def _has_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case list():
            return any(map(_has_nul, value))
        case dict():
            return any(_has_nul(key) or _has_nul(each) for key, each in value.items())
        case _:
            return False


def _as_invalid(message: str) -> Invalid:
    """Turn msgspec's "Expected `int` <= 5 - at `$.data.rating`" into a problem with a pointer."""
    match = _PLACE.match(message)
    path = (match["path"] if match else "") or ""
    detail = match["detail"] if match else message
    pointer = re.sub(r"\[(\d+|\.\.\.)\]", r"/\1", path).replace(".", "/").replace("///", "...")
    return Invalid(f"{detail}.", FieldProblem(pointer=pointer, detail=f"{detail}."))


class JSON(AbstractDTO[T]):
    """Reads a handler's `data` by `decode`; only JSON content types are let in."""

    def decode_bytes(self, value: bytes) -> Any:
        content_type = self.asgi_connection.headers.get("content-type", "")
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise UnsupportedMediaType("This address reads application/json.")
        return decode(value, self.model_type)

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        """Need no transfer model: the Struct is decoded as it is."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Generator[DTOFieldDefinition]:
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        return False
