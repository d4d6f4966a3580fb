"""The environment of the jobs, read once. `.env.example` and the README list every variable.

dbt and Dagster read their own: profiles.yml and dagster.yaml name them.
"""

import os
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from msgspec import Struct

T = TypeVar("T")


class SettingsError(Exception):
    """A variable that cannot be used; the message is one sentence for a person."""


class MailServer(Struct, frozen=True, kw_only=True):
    host: str
    port: int
    over_tls: bool
    """From the first byte on. Otherwise TLS is begun where the server offers it."""
    user: str | None
    password: str | None

    @property
    def needs_tls(self) -> bool:
        """Whether a password would go over a wire in clear text without it."""
        return self.password is not None and not _is_loopback(self.host)


class Settings(Struct, frozen=True, kw_only=True):
    dagster_url: str
    """Where people find Dagster's page."""
    webhook_url: str | None
    mail_to: tuple[str, ...]
    mail_from: str
    mail_server: MailServer | None
    full_check_accounts: int
    keep_runs_days: int


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read every UPSHOT_ variable of the jobs.

    Raises:
        SettingsError: one of them has no usable value.

    """
    port = environ.get("UPSHOT_DAGSTER_PORT") or "3000"
    no_one: tuple[str, ...] = ()
    mail_to = _read(environ, "UPSHOT_ALERT_MAIL_TO", no_one, _mail_addresses)
    mail_server = _read(environ, "UPSHOT_ALERT_SMTP_URL", None, _mail_server)
    if mail_to and mail_server is None:
        raise SettingsError("UPSHOT_ALERT_MAIL_TO needs UPSHOT_ALERT_SMTP_URL: a server to send.")
    return Settings(
        dagster_url=_read(environ, "UPSHOT_DAGSTER_URL", f"http://127.0.0.1:{port}", _web_address),
        webhook_url=_read(environ, "UPSHOT_ALERT_WEBHOOK_URL", None, _web_address),
        mail_to=mail_to,
        mail_from=_read(environ, "UPSHOT_ALERT_MAIL_FROM", "upshot@localhost", _mail_address),
        mail_server=mail_server,
        full_check_accounts=_number(environ, "UPSHOT_FULL_CHECK_ACCOUNTS", 100_000),
        keep_runs_days=_number(environ, "UPSHOT_KEEP_RUNS_DAYS", 30, highest=36_500),
    )


def _read(environ: Mapping[str, str], name: str, default: T, parse: Callable[[str], T]) -> T:
    text = environ.get(name, "")
    if not text:
        return default
    try:
        return parse(text)
    except ValueError as error:
        # The value is not repeated: it may hold a password.
        raise SettingsError(f"{name} cannot be used: {error}.") from None


def _number(
    environ: Mapping[str, str], name: str, default: int, *, highest: int = 1_000_000_000
) -> int:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= highest):
            raise ValueError(f"it has to be a whole number from 1 to {highest}")
        return int(text)

    return _read(environ, name, default, parse)


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it has to begin with http:// or https://")
    _ = parts.port  # raises ValueError if it is no port
    return text.rstrip("/")


def _mail_addresses(text: str) -> tuple[str, ...]:
    return tuple(_mail_address(each.strip()) for each in text.split(","))


def _mail_address(text: str) -> str:
    user, at, host = text.partition("@")
    # Nor may it begin a header or an address of its own.
    if not (user and at and host) or not text.isprintable() or set(text) & set(' <>(),;:"'):
        raise ValueError("it has to name addresses, such as ops@app.example, with commas")
    return text


def _mail_server(text: str) -> MailServer:
    parts = urlsplit(text)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path.strip("/"):
        raise ValueError("it has to be like smtp://user:password@mail.example:587 or smtps://…")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("it has to name both a user and a password, or neither")
    over_tls = parts.scheme == "smtps"
    return MailServer(
        host=parts.hostname,
        port=parts.port or (465 if over_tls else 587),
        over_tls=over_tls,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
