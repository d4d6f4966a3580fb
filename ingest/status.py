"""How everything here is doing, for people at a terminal."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from msgspec import Struct

from ingest.settings import Settings, SettingsError
from ingest.store.operations import without_password
from ingest.store.vitals import Check, Vitals, server, vitals

PATIENCE_SECONDS = 5
OLDEST_CHANGE_SECONDS = 600
"""As in ingest/monitoring/alerts.yml."""
OLDEST_COMPARISON_SECONDS = 3 * 3600
CLOCK_SECONDS = 10


class Finding(Struct, frozen=True, kw_only=True):
    """One line of the report."""

    about: str
    is_well: bool
    says: str


class Status(Struct, frozen=True, kw_only=True):
    is_well: bool
    findings: list[Finding]


def status_of(settings: Settings, url: str) -> Status:
    """Look at all of it; what cannot be looked at is a finding, too."""
    findings = [*_of_database(url), *_of_volumes(settings), *_of_programs(settings)]
    return Status(is_well=all(each.is_well for each in findings), findings=findings)


def _of_database(url: str) -> Iterator[Finding]:
    where = without_password(url)
    try:
        found = server(url)
    except SettingsError as error:
        yield Finding(about="Database", is_well=False, says=f"{error} ({where})")
        return
    yield Finding(about="Database", is_well=True, says=f"PostgreSQL {found.version} at {where}")
    if not found.is_migrated:
        yield _bad("Migrations", "not applied: run `upshot migrate`")
        return
    yield _good("Migrations", "applied")
    count = len(found.models)
    if count:
        yield _good("Models", f"{count} live models are built")
    else:
        yield _bad("Models", "none is built: run `upshot refresh`")
    try:
        yield from _of_vitals(vitals(url))
    except SettingsError as error:
        yield _bad("Change log", str(error))


def _of_vitals(found: Vitals) -> Iterator[Finding]:
    if not found.changes:
        yield _good("Change log", "empty: everything is stored")
    else:
        yield Finding(
            about="Change log",
            is_well=found.oldest_change_seconds <= OLDEST_CHANGE_SECONDS,
            says=f"{found.changes:,} changes, the oldest {_ago(found.oldest_change_seconds)}"
            + (
                ": is `upshot refresh --watch` running?"
                if found.oldest_change_seconds > OLDEST_CHANGE_SECONDS
                else ""
            ),
        )
    if found.refreshed_seconds is None:
        yield _good("Refresh", "none has taken anything in yet")
    else:
        yield _good("Refresh", f"last took something in {_ago(found.refreshed_seconds)}")
    yield from _of_checks(found.checks, found.exactness_seconds)
    yield Finding(
        about="Clock",
        is_well=abs(found.clock_ahead_seconds) <= CLOCK_SECONDS,
        says=_clocks(found.clock_ahead_seconds),
    )


def _of_checks(checks: Sequence[Check], exactness_seconds: float | None) -> Iterator[Finding]:
    failing = [each for each in checks if each.is_failing]
    for each in failing:
        since = f"{each.failing_since:%Y-%m-%d %H:%M %Z}"
        yield _bad("Checks", f"{each.name} fails since {since}: run `upshot check`")
    if checks and not failing:
        yield _good("Checks", f"{len(checks)} pass")
    elif not checks:
        yield _good("Checks", "none has run yet")
    if exactness_seconds is not None:
        yield Finding(
            about="Exactness",
            is_well=exactness_seconds <= OLDEST_COMPARISON_SECONDS,
            says=f"compared with raw {_ago(exactness_seconds)}",
        )


def _of_volumes(settings: Settings) -> Iterator[Finding]:
    embedded = () if settings.database_url else (settings.embedded_data,)
    for volume in settings.database_volumes or embedded:
        try:
            usage = shutil.disk_usage(volume)
        except OSError as error:
            yield _bad("Disk", f"{volume}: {error.strerror}")
            continue
        says = f"{usage.free / 10**9:,.1f} of {usage.total / 10**9:,.1f} GB are free at {volume}"
        if usage.free < settings.min_free_bytes:
            yield _bad("Disk", f"{says}: events are refused")
        else:
            yield Finding(about="Disk", is_well=usage.free >= 0.1 * usage.total, says=says)


def _of_programs(settings: Settings) -> Iterator[Finding]:
    api = settings.public_url
    answer = _ask(f"{api}/health/ready")
    if answer == HTTPStatus.OK:
        yield _good("API", f"ready at {api}")
    else:
        yield _bad("API", f"{_said(answer)} at {api}")
    dagster = f"http://127.0.0.1:{settings.dagster_port}"
    answer = _ask(f"{dagster}/server_info")
    if answer == HTTPStatus.OK:
        yield _good("Dagster", f"answers at {dagster}")
    else:
        yield _bad("Dagster", f"{_said(answer)} at {dagster}")


def _ask(address: str) -> int | None:
    """Return the status of its answer, if there is one."""
    parts = urlsplit(address)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with (
        suppress(OSError, HTTPException),
        closing(kind(parts.netloc, timeout=PATIENCE_SECONDS)) as connection,
    ):
        connection.request("GET", parts.path)
        return connection.getresponse().status
    return None


def _clocks(ahead: float) -> str:
    """Say how the clock here and the database's differ.

    >>> _clocks(0.02), _clocks(-75.2)
    ('the same here as at the database', '75 s behind that of the database: set it')
    """
    if abs(ahead) <= CLOCK_SECONDS:
        return "the same here as at the database"
    return (
        f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} that of the database: set it"
    )


def _said(answer: int | None) -> str:
    return "does not answer" if answer is None else f"is not ready ({answer})"


def _good(about: str, says: str) -> Finding:
    return Finding(about=about, is_well=True, says=says)


def _bad(about: str, says: str) -> Finding:
    return Finding(about=about, is_well=False, says=says)


def _ago(seconds: float) -> str:
    """Say how long ago something was.

    >>> _ago(42), _ago(150), _ago(7300), _ago(200_000)
    ('42 s ago', '2 min ago', '2 h ago', '2 days ago')
    """
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (unit == "min" and seconds >= length):
            return f"{seconds // length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
