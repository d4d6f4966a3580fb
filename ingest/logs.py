"""The log: one line an event, as JSON for machines or as text for people, without personal data.

What an exception says may quote a row, so in production its kind and its places stand for it.
"""

import logging
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from ingest.problems import Problem
from ingest.settings import Settings

logger = logging.getLogger("upshot")

OTHERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
"""Who brings handlers of their own."""


def tell(level: int, what: str, error: BaseException | None = None, **fields: object) -> None:
    """Write a line.

    Args:
        level: of the logging module.
        what: happened, in one word with underscores.
        error: because of which.
        fields: that belong to it; None is left out.
    """
    if logger.isEnabledFor(level):
        logger.log(level, what, exc_info=error, extra={"upshot_fields": fields})


def configure_logs(settings: Settings) -> None:
    """Have lines go to standard error, unless somebody has said where they go."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    form = JsonLines if settings.log_format == "json" else TextLines
    handler.setFormatter(form(quotes_errors=not settings.production))
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    for name in OTHERS:
        other = logging.getLogger(name)
        other.handlers.clear()
        other.propagate = True
        other.setLevel(logging.NOTSET)
    # Who asked from where for what is nobody's business; our own lines say what went wrong.
    logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)
    for name in ("asyncio", "psycopg", "urllib3"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class _Lines(logging.Formatter):
    def __init__(self, *, quotes_errors: bool) -> None:
        """Prepare; without quotes, an error whose words may be somebody's is told by its kind."""
        super().__init__()
        self._quotes_errors = quotes_errors

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """Return what a line says beside its time and level, in order."""
        given: dict[str, object] = getattr(record, "upshot_fields", {})
        fields = {"what": record.getMessage()} | {
            name: value for name, value in given.items() if value is not None
        }
        if record.name != logger.name:
            fields["logger"] = record.name
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = describe(record.exc_info[1], quotes=self._quotes_errors)
        return fields


class JsonLines(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            **self.fields(record),
        }
        return msgspec.json.encode(line, enc_hook=str).decode()


class TextLines(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        fields = self.fields(record)
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(" ", "milliseconds")[:23]
        told = " ".join(
            f"{name}={value}" for name, value in fields.items() if name not in {"what", "error"}
        )
        line = f"{moment} {record.levelname.lower():<7} {fields['what']} {told}".rstrip()
        if "error" not in fields or record.exc_info is None:
            return line
        if self._quotes_errors:
            return f"{line}\n{self.formatException(record.exc_info)}"
        return f"{line} {msgspec.json.encode(fields['error']).decode()}"


def describe(error: BaseException, *, quotes: bool) -> dict[str, Any]:
    """Return what an error is, where it arose and what it came of.

    Args:
        error: that is told of.
        quotes: whether its words are told even if a row or an input may stand in them.
    """
    told: dict[str, Any] = {"type": f"{type(error).__module__}.{type(error).__qualname__}"}
    if quotes or _speaks_of_no_row(error):
        told["says"] = " ".join(str(error).split())
    if isinstance(error, psycopg.Error) and error.sqlstate:
        told["sqlstate"] = error.sqlstate
    told["places"] = [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        told["because"] = describe(cause, quotes=quotes)
    return told


def _speaks_of_no_row(error: BaseException) -> bool:
    """Say whether an error's words are ours, or PostgreSQL's of itself and the connection."""
    return isinstance(error, Problem | psycopg.OperationalError | OSError)
