"""The API with what the framework does by default, for the tests that must find it wanting."""

from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.exceptions import ClientException, SerializationException
from litestar.serialization import decode_json

from ingest.body import JSON


def default_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the framework answer what goes wrong."""

    def plain(**options: Any) -> Litestar:
        return Litestar(**options | {"exception_handlers": {}})

    monkeypatch.setattr("ingest.app.Litestar", plain)


def default_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the framework read the bodies."""

    def decode_bytes(dto: JSON[Any], value: bytes) -> Any:
        try:
            return msgspec.convert(decode_json(value), dto.model_type, strict=False)
        except (msgspec.ValidationError, SerializationException) as error:
            raise ClientException(str(error)) from error

    monkeypatch.setattr(JSON, "decode_bytes", decode_bytes)
